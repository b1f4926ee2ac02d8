"""Commits made of a tree in a folder, without a work tree or an index of their own."""

from collections.abc import Iterable
from pathlib import Path

from mlops import trees
from mlops.releasing import registry
from mlops.workspace import Workspace, git


def tree(side: Workspace, names: Iterable[str]) -> str:
    """The tree of `side`'s commit, with these files as they are in its folder; its id."""
    blobs = {name: git(side.root, "hash-object", "-w", str(side.folder / name)) for name in names}
    return trees.changed(side.root, side.tree, blobs)


def child(root: Path, parent: str, made: str, message: str) -> str:
    """A commit of the tree `made` upon `parent`, on no branch; its id."""
    return git(root, "commit-tree", made, "-p", parent, "-m", message, **registry.identity())
