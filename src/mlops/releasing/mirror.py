"""A bare repository beside the releases: what was fetched so far of the remote that the agent follows."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops.releasing.objects import TIPS, Objects
from mlops.releasing.registry import Registry
from mlops.workspace import git


@dataclass(frozen=True)
class Mirror:
    """Of `remote`, a git URL or folder. Whatever a killed git left in it, `drop` heals."""

    remote: str
    folder: Path

    def open(self) -> Registry:
        """Make it where it isn't there; what the remote's tags say."""
        if not (self.folder / "HEAD").exists():
            scratch = self.folder.with_name(f"{self.folder.name}.part")
            shutil.rmtree(scratch, ignore_errors=True)
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            git(self.folder.parent, "init", "--quiet", "--bare", str(scratch))
            scratch.rename(self.folder)
        return Registry.remote(self.remote, self.folder)

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def objects(self, version: str, commit: str) -> Objects:
        """Bring the commit of a version and the branch that may hold its objects, of both what is asked for."""
        there = git(self.folder, "ls-remote", self.remote, *TIPS).split()[1::2]  # a clone knows its origin's branch
        self._fetch([f"refs/tags/model@{version}", *there])
        return Objects(self.folder, commit)

    def bring(self, tags: Iterable[str]) -> None:
        """Bring tags that aren't here yet, to read what they say."""
        here = set(git(self.folder, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags").splitlines())
        new = [f"refs/tags/{tag}" for tag in tags if tag not in here]
        if new:
            self._fetch(new)

    def _fetch(self, refs: Iterable[str]) -> None:
        git(self.folder, "config", "remote.origin.url", self.remote)
        options = ("--quiet", "--no-tags", "--depth=1", "--filter=blob:none")
        git(self.folder, "fetch", *options, "origin", *(f"+{ref}:{ref}" for ref in refs))
