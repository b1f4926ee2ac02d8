"""What a tree needs of DVC's storage: the objects that its *.dvc files and dvc.lock name by MD5."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from mlops.contract import BadInput

FOLDER = ".dir"  # ends the name of an object that lists the files of a folder


MD5 = re.compile("[0-9a-f]{32}")
MOST_FILES, MOST_BYTES, LONGEST = 1_000_000, 256_000_000, 1000  # files in a folder, bytes of its list, bytes of a path
STRANGE = re.compile(r"[\x00-\x1f\x7f\\:]")  # control characters, and what means a folder or a drive elsewhere
AGAIN = "make it anew with `dvc add`"
RESERVED = ("", ".", "..", ".git", ".dvc")


class Entry(msgspec.Struct, frozen=True):
    """A file of a folder, as the folder's list has it: its MD5, and its path below the folder."""

    md5: str
    relpath: str


def relative(md5: str) -> str:
    """Where DVC keeps an object, below the root of a cache or a remote."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


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
    try:
        found = msgspec.json.decode(listing, type=list[Entry]) if len(listing) <= MOST_BYTES else []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{folder}: the list of its files can't be read: {error}; {AGAIN}") from None
    if not 0 < len(found) <= MOST_FILES:
        raise BadInput(f"{folder}: expected a list of 1 to {MOST_FILES:,} files, {MOST_BYTES:,} bytes at most; {AGAIN}")
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
