"""Commits made of a tree in a folder, without a work tree or an index of their own."""

from collections.abc import Iterable
from pathlib import Path

from mlops.releasing import registry
from mlops.workspace import Workspace, git


def tree(side: Workspace, names: Iterable[str]) -> str:
    """The tree of `side`'s commit, with these files as they are in its folder; its id."""
    root, index = side.root, side.folder.with_name(f"{side.name}.index")
    try:
        git(root, "read-tree", side.tree, GIT_INDEX_FILE=str(index))
        for name in names:
            blob = git(root, "hash-object", "-w", str(side.folder / name))
            git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", GIT_INDEX_FILE=str(index))
        return git(root, "write-tree", GIT_INDEX_FILE=str(index))
    finally:
        index.unlink(missing_ok=True)


def child(root: Path, parent: str, made: str, message: str) -> str:
    """A commit of the tree `made` upon `parent`, on no branch; its id."""
    return git(root, "commit-tree", made, "-p", parent, "-m", message, **registry.identity())
