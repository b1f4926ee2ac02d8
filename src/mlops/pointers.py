"""What a tree needs of DVC's storage: the objects that its *.dvc files and dvc.lock name by MD5."""

import copy
import hashlib
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from mlops.contract import BadInput, save

FOLDER = ".dir"  # ends the name of an object that lists the files of a folder
MD5, FOLDER_MD5, OBJECT = (re.compile(rf"[0-9a-f]{{32}}{end}") for end in ("", r"\.dir", r"(\.dir)?"))
MOST_VALUES = 100_000  # of a file of YAML
MOST_FILES, MOST_BYTES, LONGEST = 1_000_000, 256_000_000, 1000  # files in a folder, bytes of its list, bytes of a path
STRANGE = re.compile(r"[\x00-\x1f\x7f\\:]")  # control characters, and what means a folder or a drive elsewhere
AGAIN = "make it anew with `dvc add`"
LOCKED = {"path", "md5", "size", "nfiles", "hash", "isexec"}
PLAIN = LOCKED | {"outs", "desc", "meta", "frozen", "persist", "remote", "cache", "push"}
RESERVED = ("", ".", "..", ".git", ".dvc")


class Missing(BadInput):
    """An object that nobody has pushed."""


class Entry(msgspec.Struct, frozen=True):
    """A file of a folder, as the folder's list has it: its MD5, and its path below the folder."""

    md5: str
    relpath: str


def relative(md5: str) -> str:
    """Where DVC keeps an object, below the root of a cache or a remote."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def of_folder(content: bytes, name: str) -> str:
    """The MD5 of the folder `name`, as the content of its .dvc file has it; nothing else that stands there is read.

    Raises
    ------
    BadInput
        It names no such folder, or more.
    """
    md5 = _named(content, name)
    if not FOLDER_MD5.fullmatch(md5):
        raise BadInput(f"{name}.dvc: it names the MD5 {md5!r:.200}, which isn't a folder's; {AGAIN}")
    return md5


def _named(content: bytes, name: str) -> str:
    """The one MD5 of a .dvc file, which may say nothing that lets DVC write elsewhere, or fetch from elsewhere."""
    try:
        found = parsed(content)
        (out,) = found["outs"]
        path, md5, more = out["path"], _md5(out["md5"]), sorted({*found, *out} - PLAIN)
    except (ValueError, LookupError, TypeError) as error:
        raise BadInput(f"{name}.dvc: it doesn't name one file or folder with its MD5 ({error}); {AGAIN}") from None
    if path != name or more:
        raise BadInput(f"{name}.dvc: it names {path!r:.200}{' with ' * bool(more)}{', '.join(more):.200}; {AGAIN}")
    return md5


def parsed(content: bytes) -> Any:
    """A stranger's YAML; read by Python's own reader, as the quicker one in C dies of what is nested too deep.

    Raises
    ------
    ValueError
        It isn't YAML, or grows without bound: by aliases, a few lines can name more values than a machine holds.
    """
    return copy.deepcopy(_parsed(content))


@lru_cache(maxsize=32)
def _parsed(content: bytes) -> Any:
    """As one process asks for the same files again and again."""
    try:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        waiting, left = [node], MOST_VALUES
        while waiting:
            one, left = waiting.pop(), left - 1
            if left < 0:
                raise ValueError(f"it has more than {MOST_VALUES:,} values, its aliases written out")
            if isinstance(one, yaml.CollectionNode):
                waiting += [inner for pair in one.value for inner in (pair if isinstance(pair, tuple) else [pair])]
        return loader.construct_document(node) if node else None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from None


def written(md5: str, name: str) -> bytes:
    """The content of the .dvc file of a folder."""
    return f"outs:\n- md5: {md5}\n  hash: md5\n  path: {name}\n".encode()


def check(tree: Path, places: Sequence[Path], get: Callable[[str], bytes] | None, keep: Path) -> None:
    """Refuse what DVC would lay out elsewhere than *.dvc files and dvc.lock name; to be called before DVC is.

    Parameters
    ----------
    places, keep
        Caches and remotes on this machine, and the cache that the list of a folder is brought to if none has it.
    get
        Brings an object from the storage, verified; None where DVC won't ask there either.

    Raises
    ------
    BadInput
        See `check_names` and `entries`; or what they name is a link here, or inside of one.
    """
    for pointer in [*sorted(tree.glob("?*.dvc")), tree / "dvc.lock"]:
        named = check_names(pointer.name, pointer.read_bytes()) if pointer.exists() else {}
        for path, md5 in named.items():
            _refuse_links(tree, [path, *_parents(path)])
            try:
                files = _listed(path, md5, places, get, keep) if md5.endswith(FOLDER) else {}
            except Missing as error:
                if path == "data":
                    raise BadInput(f"{path}/: {error}") from None
                continue  # DVC can't lay it out either
            _refuse_links(tree, {f"{path}/{folder}" for file in files for folder in _parents(file)})


def check_names(file: str, content: bytes) -> dict[str, str]:
    """MD5 by path of what a *.dvc file in the root, or dvc.lock, names.

    Raises
    ------
    BadInput
        It names more than its file or folder, or a path that leads elsewhere.
    """
    found = made(content) if file == "dvc.lock" else {file.removesuffix(".dvc"): _named(content, file[:-4])}
    for path in found:
        if fault := _fault(path):
            raise BadInput(f"{file}: {path!r}: {fault}")
    return found


def _listed(
    path: str, md5: str, places: Sequence[Path], get: Callable[[str], bytes] | None, keep: Path
) -> dict[str, str]:
    """The checked list of a folder's files; where it isn't here it is brought to `keep`, if somebody may."""
    known = locate(md5, places)
    found = known.read_bytes() if known else get(md5) if get else b"[]"
    if known and digest(found) != md5[:32]:
        raise BadInput(f"{path}: the list of its files isn't what its MD5 says, in {known}; delete that file")
    files = entries(found, path)
    if not known and get:
        save(keep / relative(md5), found)
    return files


def _refuse_links(tree: Path, paths: Iterable[str]) -> None:
    if link := next((path for path in paths if (tree / path).is_symlink()), None):
        raise BadInput(f"{link}: it is a link, and data would be laid out where it leads; delete it")


def made(lock: bytes) -> dict[str, str]:
    """MD5 by path of what the stages made, as the content of a dvc.lock has it."""
    try:
        stages = (parsed(lock) or {}).get("stages", {})
        outs = [out for stage in stages.values() for out in stage.get("outs", ())]
        more = {name for out in outs for name in out} - LOCKED
        found = {str(out["path"]): _md5(out["md5"]) for out in outs}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInput(f"dvc.lock: it can't be read ({error}); make it anew with `nox -s repro`") from None
    if more:
        raise BadInput(f"dvc.lock: an output has {', '.join(map(str, more)):.200}; make it anew with `nox -s repro`")
    return found


def _md5(said: Any) -> str:
    if not (isinstance(said, str) and OBJECT.fullmatch(said)):
        raise ValueError(f"{said!r:.100} is no MD5")
    return said


def unpack(archive: Path, cache: Path) -> None:
    """Put objects, which a zip holds under their MD5s, into a cache.

    Raises
    ------
    BadInput
        One isn't what its name says.
    """
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            content = opened.read(name)
            if not OBJECT.fullmatch(name) or digest(content) != name[:32]:
                raise BadInput(f"{archive.name}: {name!r} isn't the object of that MD5")
            save(cache / relative(name), content)


def verify(tree: Path, last: str, places: Sequence[Path]) -> None:
    """Is what the stages up to `last` made still what dvc.lock says that they made?

    Raises
    ------
    BadInput
        Somebody changed it since; names the file.
    """
    for name, stage in _read(tree / "dvc.lock").get("stages", {}).items():
        for out in stage.get("outs", ()):
            path, md5 = tree / out["path"], out["md5"]
            listing = locate(md5, places) if md5.endswith(FOLDER) else None
            listed = entries(listing.read_bytes(), out["path"]) if listing else {}
            wanted = {path / inner: found for inner, found in listed.items()} if path.is_dir() else {path: md5}
            there = set(path.iterdir()) if path.is_dir() else {path}
            wrong = sorted(there ^ wanted.keys()) or [
                file for file, found in wanted.items() if not file.is_file() or digest(file.read_bytes()) != found
            ]
            if wrong or (listing and digest(listing.read_bytes()) != md5[:32]):
                objects = [
                    str(file) for file in (locate(md5, places) for md5 in (out["md5"], *listed.values())) if file
                ]
                raise BadInput(
                    f"{(wrong or [path])[0].relative_to(tree)}: it isn't what was made here any more; delete "
                    f"{', '.join([str(tree), *objects])}, and start again"
                )
        if name == last:
            return


def digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def needed(tree: Path) -> dict[str, str]:
    """Paths by MD5: of data, and of what the stages made; a folder is the one object that lists its files."""
    outs = [out for pointer in sorted(tree.glob("?*.dvc")) for out in _read(pointer).get("outs", ())]
    own = set(_own(_read(tree / "dvc.yaml")))
    for stage in _read(tree / "dvc.lock").get("stages", {}).values():
        outs += [out for out in stage.get("outs", ()) if out["path"] not in own]
    return {out["md5"]: out["path"] for out in outs if "md5" in out and "remote" not in out}


def whole(paths: dict[str, str], places: Sequence[Path]) -> dict[str, str]:
    """The same, and the files inside every folder whose list is in one of `places` (caches or remotes)."""
    found = dict(paths)
    for md5, path in paths.items():
        listing = locate(md5, places) if md5.endswith(FOLDER) else None
        if listing:
            found |= {md5: f"{path}/{name}" for name, md5 in entries(listing.read_bytes(), path).items()}
    return found


def entries(listing: bytes, folder: str) -> dict[str, str]:
    """MD5 by path of the files that the list of `folder` names, checked before DVC lays anything out by it.

    DVC 3.67 joins folder and path as they are, so that `../x` is written outside the folder.

    Raises
    ------
    BadInput
        It is no list, or a path or MD5 in it can't come from `dvc add`; names folder, path and reason.
    """
    if len(listing) > MOST_BYTES:
        raise BadInput(f"{folder}: the list of its files is longer than {MOST_BYTES:,} bytes; {AGAIN}")
    try:
        found = msgspec.json.decode(listing, type=list[Entry])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{folder}: the list of its files can't be read: {error}; {AGAIN}") from None
    if len(found) > MOST_FILES:
        raise BadInput(f"{folder}: the list of its files names {len(found):,}; {MOST_FILES:,} are allowed; {AGAIN}")
    files: dict[str, str] = {}
    for one in found:
        fault = _fault(one.relpath) or (not MD5.fullmatch(one.md5) and f"{one.md5!r} is no MD5")
        if fault or one.relpath in files:
            raise BadInput(f"{folder}: {one.relpath!r}: {fault or 'it is listed twice'}; {AGAIN}")
        files[one.relpath] = one.md5
    inside = {parent for name in files for parent in _parents(name)}
    both = next((name for name in files if name in inside), None)
    if both is not None:
        raise BadInput(f"{folder}: {both!r}: it is a file and a folder; {AGAIN}")
    return files


def _fault(path: str) -> str:
    """Why a path isn't one of a file inside a folder, empty where it is one."""
    if len(path.encode(errors="replace")) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    if STRANGE.search(path) or not path.isprintable():
        return "it has a character that no path here may have"
    if any(part.casefold() in RESERVED for part in path.split("/")):
        return "it leaves the folder, or means something else than a file in it"
    return ""


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def missing(tree: Path, name: str, places: Sequence[Path]) -> list[str]:
    """What `name`.dvc lacks in `places`, as `path (MD5)`: the files of a folder, or all of it without its list."""
    paths = {out["md5"]: out["path"] for out in _read(tree / f"{name}.dvc").get("outs", ())}
    return [f"{path} ({md5})" for md5, path in whole(paths, places).items() if not locate(md5, places)]


def lacks(tree: Path, name: str, stage: str, places: Sequence[Path]) -> bool:
    """Is something of `name`.dvc, or of what `stage` made as dvc.lock has it, in none of `places`?"""
    made = _read(tree / "dvc.lock").get("stages", {}).get(stage, {}).get("outs", ())
    return bool(missing(tree, name, places)) or not all(locate(out["md5"], places) for out in made)


def locate(md5: str, places: Sequence[Path]) -> Path | None:
    """The file of an object, in the first of `places` that has it."""
    files = (place / relative(md5) for place in places)
    return next((file for file in files if file.is_file()), None)


def _own(pipeline: dict[str, Any]) -> Iterator[str]:
    """Outputs that git keeps itself: those with `cache: false`."""
    for stage in pipeline.get("stages", {}).values():
        for out in (*stage.get("outs", ()), *stage.get("metrics", ()), *stage.get("plots", ())):
            if isinstance(out, dict):
                yield from (path for path, options in out.items() if options.get("cache") is False)


def _read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    return content or {}
