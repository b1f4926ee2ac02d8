"""A bare repository beside the releases: what was fetched so far of the remote that the agent follows."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops.objects import TIPS, Objects
from mlops.releasing import registry, signing
from mlops.releasing.registry import Registry
from mlops.workspace import git

MAIN = "refs/heads/main"


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
        tags = registry.listed(self.folder, self.remote, MAIN)
        if MAIN in tags and git(self.folder, "for-each-ref", "--format=%(objectname)", MAIN) != tags[MAIN][0]:
            self._fetch([MAIN])  # which says who signs
        if signing.Signers.of(self.folder):
            self.bring({tag: ids[0] for tag, ids in tags.items() if tag != MAIN})
        return Registry.checked(self.folder, tags)

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def objects(self, version: str, commit: str) -> Objects:
        """Bring the commit of a version and the branch that may hold its objects, of both what is asked for."""
        there = git(self.folder, "ls-remote", self.remote, *TIPS).split()[1::2]  # a clone knows its origin's branch
        self._fetch([f"refs/tags/model@{version}", *there])
        return Objects(self.folder, commit)

    def bring(self, tags: Mapping[str, str | None]) -> None:
        """Bring tags, to read what they say, unless they are here already, as these objects where one is given."""
        listed = git(self.folder, "for-each-ref", "--format=%(refname:strip=2) %(objectname)", "refs/tags")
        here = dict(line.split(" ") for line in listed.split("\n") if line)
        new = [f"refs/tags/{tag}" for tag, id in tags.items() if tag not in here or id not in (None, here[tag])]
        if new:
            self._fetch(new)

    def _fetch(self, refs: Iterable[str]) -> None:
        git(self.folder, "config", "remote.origin.url", self.remote)
        options = ("--quiet", "--no-tags", "--depth=1", "--filter=blob:none")
        git(self.folder, "fetch", *options, "origin", *(f"+{ref}:{ref}" for ref in refs))
