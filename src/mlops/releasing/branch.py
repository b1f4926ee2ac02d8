"""The orphan branch `dvc-storage` as a storage: git carries the objects, so that a fresh clone needs no account.

Objects are named by their content, so nobody's commit can contradict another's: who comes second puts the own objects
on top of the other's. Trees are made in a scratch index, where no filter and no attribute changes a byte.
"""

import hashlib
import os
import random
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops.contract import BadInput
from mlops.objects import BRANCH, TIPS
from mlops.pointers import relative
from mlops.workspace import git

FOLDER = ".dvc/storage"
REF = f"refs/heads/{BRANCH}"
TRIES = 10
MOST_BYTES = 100_000_000  # GitHub refuses larger files
MOVE_ON = "keep data elsewhere with `nox -s storage -- s3://bucket/path` (or azure://, gs://, a folder)"
RACED = ("[rejected]", "cannot lock ref", "failed to update ref", "incorrect old value")  # what git says of a push
PLAIN = ("-c", "core.autocrlf=false", "-c", f"core.attributesFile={os.devnull}")
WRITER = {
    "GIT_AUTHOR_NAME": BRANCH, "GIT_AUTHOR_EMAIL": "dvc-storage@users.noreply.github.com",
    "GIT_COMMITTER_NAME": BRANCH, "GIT_COMMITTER_EMAIL": "dvc-storage@users.noreply.github.com",
}  # fmt: skip


@dataclass(frozen=True)
class Branch:
    """The branch in the repository at `root`, and in its `origin`, where it has one."""

    root: Path

    def fetch(self) -> None:
        """Bring the origin's branch up to date here."""
        if not self._has_origin():
            return
        told = git(self.root, "ls-remote", "origin", REF)
        if told and told.split()[0] != self._commit(TIPS[0]):
            git(self.root, "fetch", "--quiet", "--no-tags", "origin", f"+{REF}:{TIPS[0]}")
        elif not told and self._commit(TIPS[0]):
            git(self.root, "update-ref", "-d", TIPS[0])
        tips = self._tips()
        if len(tips) == 1:
            git(self.root, "update-ref", REF, tips[0])  # for agents that follow this repository

    def listed(self) -> dict[str, int]:
        """Bytes of each object, by MD5, as far as the branch was fetched."""
        lines = [line for tip in self._tips() for line in git(self.root, "ls-tree", "-r", "-l", tip).splitlines()]
        rows = (line.split(maxsplit=4) for line in lines)  # mode, type, id, bytes, path
        return {"".join(Path(path).parts[-2:]): int(size) for _, _, _, size, path in rows}

    def bring(self) -> None:
        """Lay the objects, as far as the branch was fetched, into the folder where DVC looks for them."""
        folder = self.root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        files = {md5: folder / relative(md5) for md5 in self.listed()}
        sizes = {md5: file.stat().st_size for md5, file in files.items() if file.exists()}
        absent = [relative(md5) for md5, size in self.listed().items() if sizes.get(md5) != size]
        with self._index(self._tips()) as index:
            words = ("checkout-index", "--force", "--stdin")
            git(self.root, *PLAIN, f"--work-tree={FOLDER}", *words, given="\n".join(absent), **index)

    def sizes(self, md5s: Iterable[str]) -> dict[str, int]:
        """Bytes of those that are there, or wait here for the next push."""
        self.fetch()
        listed = self.listed()
        return {md5: listed[md5] for md5 in md5s if md5 in listed}

    def damaged(self, md5s: Iterable[str]) -> list[str]:
        """Those whose content isn't what their names say."""
        return [md5 for md5 in md5s if self._digest(md5) != md5[:32]]

    def send(self, files: dict[str, Path]) -> None:
        """Commit objects (their files by MD5), and push the branch to the origin, with all that waits here.

        Raises
        ------
        BadInput
            An object is too large for a git host, or the origin refuses for another reason than another's push.
        """
        large = next((file for file in files.values() if file.stat().st_size > MOST_BYTES), None)
        if large:
            raise BadInput(f"{large}: more than {MOST_BYTES:,} bytes, too large for git; {MOVE_ON}")
        paths = "\n".join(str(file.resolve()) for file in files.values())
        blobs = git(self.root, "hash-object", "-w", "--no-filters", "--stdin-paths", given=paths).split()
        rows = [f"100644 blob {blob}\t{relative(md5)}" for md5, blob in zip(files, blobs, strict=True)]
        for left in reversed(range(TRIES)):
            tip = self._put(rows)
            if self._pushed(tip, last=not left):
                git(self.root, "update-ref", REF, tip)
                return
            time.sleep(random.uniform(0, 0.5))  # noqa: S311 (spreads those who race)
            self.fetch()

    def _put(self, rows: list[str]) -> str:
        """The commit that holds what every tip holds, and `rows`."""
        tips = self._tips()
        with self._index(tips, rows) as index:
            tree = git(self.root, "write-tree", **index)
        if len(tips) == 1 and git(self.root, "rev-parse", f"{tips[0]}^{{tree}}") == tree:
            return tips[0]
        parents = [word for tip in tips for word in ("-p", tip)]
        return git(self.root, "commit-tree", tree, *parents, "-m", f"Add {len(rows)} objects", **WRITER)

    def _pushed(self, commit: str, last: bool) -> bool:
        """Push to the origin, where there is one; False where another's push came first or was under way."""
        if not self._has_origin() or commit == self._commit(TIPS[0]):
            return True
        try:
            git(self.root, "push", "--quiet", "--no-verify", "origin", f"{commit}:{REF}", LC_ALL="C")
        except BadInput as error:
            if last or not any(said in str(error) for said in RACED):
                raise
            return False
        return True

    def _tips(self) -> list[str]:
        """The newest commits, the origin's and the own: one, unless objects wait to be pushed."""
        known = [commit for commit in map(self._commit, TIPS) if commit]
        return git(self.root, "merge-base", "--independent", *known).split() if known else []

    def _commit(self, ref: str) -> str:
        return git(self.root, "for-each-ref", "--format=%(objectname)", ref)

    def _digest(self, md5: str) -> str:
        command = ["git", "-C", str(self.root), "cat-file", "blob", f"{self._tips()[0]}:{relative(md5)}"]
        content = subprocess.run(command, capture_output=True, check=True).stdout
        return hashlib.md5(content, usedforsecurity=False).hexdigest()

    def _has_origin(self) -> bool:
        return "origin" in git(self.root, "remote").split()

    @contextmanager
    def _index(self, tips: list[str], rows: Iterable[str] = ()) -> Iterator[dict[str, str]]:
        """A scratch index of all that the tips hold, and `rows`, as the variable by which git finds it."""
        path = Path(git(self.root, "rev-parse", "--absolute-git-dir")) / f"index.{BRANCH}.{os.getpid()}"
        index = {"GIT_INDEX_FILE": str(path)}
        known = [line for tip in tips for line in git(self.root, "ls-tree", "-r", tip).splitlines()]
        try:
            git(self.root, "update-index", "--add", "--index-info", given="\n".join([*known, *rows, ""]), **index)
            yield index
        finally:
            path.unlink(missing_ok=True)
