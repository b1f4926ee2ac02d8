"""Trees of git, read and made of others, with neither the work tree nor its index touched."""

import io
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops.contract import BadInput
from mlops.workspace import git


def contents(root: Path, tree: str, wanted: Sequence[str]) -> dict[str, bytes]:
    """Bytes by path of those files of a commit or tree that are `wanted`, or lie in a folder that is.

    Nothing is laid out, no attribute or filter of the tree has a say, and a link is its text.
    """
    listed = _cat(root, "ls-tree", "-r", "-z", "--full-tree", tree).decode("utf-8", "surrogateescape")
    rows = [row.split("\t", 1) for row in listed.split("\0") if row]
    ids = {
        path: about.split()[2]
        for about, path in rows
        if any(path == name or path.startswith(f"{name}/") for name in wanted) and about.split()[1] == "blob"
    }
    said, found = io.BytesIO(_cat(root, "cat-file", "--batch", given="\n".join(ids.values()).encode())), {}
    for path in ids:
        size = int(said.readline().split()[2])
        found[path] = said.read(size + 1)[:size]
    return found


def _cat(root: Path, *words: str, given: bytes = b"") -> bytes:
    """As `mlops.workspace.git`, with bytes, to the last one."""
    done = subprocess.run(["git", "-C", str(root), *words], input=given, capture_output=True, check=False)
    if done.returncode:
        raise BadInput(f"git {' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def blob(root: Path, text: str) -> str:
    """The id of a file's content, which the repository holds from now on."""
    return git(root, "hash-object", "-w", "--stdin", given=text)


def changed(root: Path, start: str, blobs: Mapping[str, str], without: Sequence[str] = ()) -> str:
    """The id of a tree like that of the commit or tree `start`.

    Parameters
    ----------
    blobs
        Ids of other contents, by path.
    without
        Paths that it lacks, folders included, whether `start` has them or not; `blobs` come after.
    """
    index = Path(git(root, "rev-parse", "--absolute-git-dir")) / f"index.trees.{os.getpid()}"
    aside = {"GIT_INDEX_FILE": str(index)}
    try:
        git(root, "read-tree", start, **aside)
        if without:
            git(root, "rm", "-r", "--cached", "--force", "--quiet", "--ignore-unmatch", "--", *without, **aside)
        listed = "".join(f"100644 {id}\t{path}\n" for path, id in blobs.items())
        git(root, "update-index", "--add", "--index-info", given=listed, **aside)
        return git(root, "write-tree", **aside)
    finally:
        index.unlink(missing_ok=True)
