"""Trees of git made of others, with neither the work tree nor its index touched."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops.workspace import git


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
