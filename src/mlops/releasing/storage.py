"""Where data and models are kept: what a tree needs goes there, what others put there comes here.

A fresh clone reads what is bundled in .dvc/seed (core.remote = seed), which nothing here ever writes to. The first
data or model of its own makes `storage` the remote of everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlops import pointers
from mlops.contract import BadInput, save
from mlops.objects import SEED, Objects, Remote
from mlops.releasing.branch import FOLDER, MOVE_ON, Branch
from mlops.releasing.bucket import Bucket, digest
from mlops.workspace import git

if TYPE_CHECKING:
    from dvc.config import Config

CONFIG = ".dvc/config"
RECORD = ".dvc/tmp/pushed"
MANY_BYTES = 50_000_000


class Storage(Protocol):
    """What a branch and a bucket have in common; objects go by their MD5."""

    def listed(self) -> dict[str, int]: ...
    def sizes(self, md5s: Iterable[str]) -> dict[str, int]: ...
    def damaged(self, md5s: Iterable[str]) -> list[str]: ...
    def send(self, files: dict[str, Path]) -> None: ...


@dataclass(frozen=True)
class Pushed:
    """How many objects a push sent, and whether .dvc/config waits for a commit without which nobody finds them."""

    sent: int
    uncommitted: bool = False


def remote(root: Path) -> Remote:
    """What .dvc/config says of the remote `storage`."""
    return Remote.read((root / CONFIG).read_text(encoding="utf-8"))


def opened(root: Path) -> Storage:
    """The storage that .dvc/config names."""
    named = remote(root)
    return Branch(root) if named.on_branch else Bucket(named)


def settle(root: Path) -> bool:
    """Make `storage` the default remote if the tree needs more than what is bundled. Says whether it was changed."""
    if not _is_bundled(root) or pointers.needed(root).keys() <= _bundled(root):
        return False
    with config(root).edit("repo") as edited:
        edited["core"]["remote"] = "storage"
    return True


def pull(root: Path, fetch: bool = True) -> None:
    """Bring the branch's objects to where DVC looks for them; from any other storage DVC fetches by itself.

    Parameters
    ----------
    fetch
        Ask the origin first, and `check`. A job of a pull request has no rights for that: what its checkout brought
        will do, and is checked where it is laid out.
    """
    if remote(root).on_branch:
        if fetch:
            Branch(root).fetch()
        Branch(root).bring()
    if fetch:
        check(root)


def check(root: Path, fetch: bool = True) -> None:
    """See `mlops.pointers.check`; without `fetch` for what lies on this machine."""
    held, get = places(root), Objects(root, "HEAD").get if fetch else None
    tracked = git(root, "ls-files", "-z", "--", "*.dvc", "*dvc.lock").split("\0")
    for folder in sorted({Path(name).parent for name in tracked if name} | {Path()}):
        pointers.check(root / folder, held, get, held[0])


def push(root: Path, trusting: bool = False, check: bool = False) -> Pushed:
    """Send what the tree's *.dvc files and dvc.lock need and the storage lacks; the branch goes to its origin, too.

    Parameters
    ----------
    trusting
        Ask nobody where the last push from here was of the same data to the same storage.
    check
        Read back what the storage has, and send again what is damaged.

    Raises
    ------
    BadInput
        An object is neither here nor in the storage, or the storage can't be reached.
    """
    settle(root)
    if _is_bundled(root):
        return Pushed(0)
    wanted, sent = pointers.needed(root), 0
    record = f"{remote(root)} {' '.join(sorted(wanted))}\n".encode()
    path = root / RECORD
    if not (trusting and path.exists() and path.read_bytes() == record):
        sent = send(root, root, check)
        save(path, record)
    return Pushed(sent, bool(git(root, "status", "--porcelain", "--", CONFIG)))


def send(root: Path, tree: Path, check: bool = False) -> int:
    """Send what the tree in a folder needs and the storage of `root` lacks; the number of objects."""
    storage, held = opened(root), places(root)
    files = _lacking(storage, pointers.whole(pointers.needed(tree), held), held, check)
    storage.send(files)
    return len(files)


def describe(root: Path) -> str:
    """Where the storage is, how large, and what is read from it."""
    named, listed = remote(root), opened(root).listed()
    source = f"{SEED}, bundled with git; the first change of data or model moves on" if _is_bundled(root) else "there"
    size = f"{len(listed)} objects, {sum(listed.values()) / 1e6:.1f} MB"
    return f"The storage is {named.place}: {size}.\nWhat this tree needs is read from {source}."


def outgrown(root: Path) -> str:
    """A warning where git carries too much, else nothing."""
    size = sum(opened(root).listed().values()) if remote(root).on_branch else 0
    return f"{size / 1e6:.0f} MB in {remote(root).place}, which never shrinks: {MOVE_ON}" if size > MANY_BYTES else ""


def config(root: Path) -> "Config":
    """DVC's own reading of its configuration; not imported where a job only lays out the branch."""
    from dvc.config import Config

    return Config(str(root / ".dvc"))


def places(root: Path) -> list[Path]:
    """Folders of this machine that hold objects: DVC's cache, the branch's folder, and what is bundled."""
    cache = config(root)["cache"].get("dir") or root / ".dvc/cache"
    return [Path(cache), root / FOLDER, root / SEED]


def _lacking(storage: Storage, paths: dict[str, str], held: list[Path], check: bool) -> dict[str, Path]:
    """Files, by MD5, of what the storage lacks or has only in part."""
    there = storage.sizes(paths)
    broken = set(storage.damaged(there)) if check else set()
    files = {md5: file for md5 in paths if (file := pointers.locate(md5, held))}
    lost = [md5 for md5 in paths if (md5 not in there or md5 in broken) and md5 not in files]
    if lost:
        named = ", ".join(f"{paths[md5]} ({md5})" for md5 in lost[:5]) + " ..." * (len(lost) > 5)
        raise BadInput(f"{named}: neither on this machine nor in the storage; push from where it was made")
    lacking = {md5: file for md5, file in files.items() if md5 in broken or there.get(md5) != file.stat().st_size}
    for md5, file in lacking.items():
        with file.open("rb") as content:
            if digest(content) != md5[:32]:
                raise BadInput(f"{file}: damaged, it isn't {paths[md5]} any more; delete it and make that again")
    return lacking


def _is_bundled(root: Path) -> bool:
    """Is everything read from .dvc/seed, as in a fresh clone?"""
    return bool(config(root)["core"].get("remote") == "seed")


def _bundled(root: Path) -> set[str]:
    """Objects that git tracks below .dvc/seed: what a plain `dvc push` left there besides, nobody else has."""
    return {"".join(Path(path).parts[-2:]) for path in git(root, "ls-files", f"{SEED}/files/md5").splitlines()}
