"""Follow a stage's tag in a git remote, and bring its version to a folder from which a service answers.

New tag -> fetch -> verify -> `releases/<version>/` -> switch `releases/current`. Every step can be cut off and started
again; whatever is wrong, the version that was there stays.

References
----------
OpenGitOps 1.0.0: declarative, versioned, pulled automatically, continuously reconciled.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlops.artifact import Model, check_golden
from mlops.contract import BadInput, Release, decode, save
from mlops.releasing.objects import TIPS, Objects
from mlops.releasing.registry import Registry, outputs
from mlops.workspace import git

FILES = ("model.onnx", "model.json")
KEPT = 3
LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Agent:
    """Brings what `stage` of `remote` (a git URL or folder) has to the folder `releases`."""

    remote: str
    stage: str
    releases: Path

    @property
    def mirror(self) -> Path:
        """A bare repository that holds what was fetched so far."""
        return self.releases / ".git"

    def served(self) -> str | None:
        """The version that `current` points to."""
        link = self.releases / "current"
        return link.readlink().name if link.is_symlink() else None

    def reconcile(self) -> str | None:
        """Make `current` what the tags ask for; the version that it was switched to, None where nothing changed.

        Raises
        ------
        BadInput, OSError
            Why not; what was served before is served still.
        """
        try:
            return self._reconcile()
        except (BadInput, OSError):  # a git that was killed leaves locks, a full disk halves: the next try fetches anew
            shutil.rmtree(self.mirror, ignore_errors=True)
            raise

    def _reconcile(self) -> str | None:
        self._open()
        known = Registry.remote(self.remote, self.mirror)
        wanted = known.current(self.stage)
        if wanted is None:
            raise BadInput(f"{self.remote} has no tag model#{self.stage}#N: no version was put into this stage yet")
        release = self._release(wanted, known.commit(wanted))
        if self.served() == wanted and release is None:
            return None
        self._switch(wanted)
        self._prune(wanted)
        return wanted

    def _open(self) -> None:
        if not (self.mirror / "HEAD").exists():
            scratch = self.mirror.with_name(".git.part")
            shutil.rmtree(scratch, ignore_errors=True)
            self.releases.mkdir(parents=True, exist_ok=True)
            git(self.releases, "init", "--quiet", "--bare", str(scratch))
            scratch.rename(self.mirror)

    def _release(self, version: str, commit: str) -> Release | None:
        """Bring a version here unless it is here whole; what was brought."""
        folder = self.releases / version
        if _whole(folder, version, commit):
            return None
        self._fetch(version)
        wanted, objects = _wanted(self.mirror, commit), Objects(self.mirror, commit)
        part = self.releases / f".{version}.part"
        shutil.rmtree(part, ignore_errors=True)
        for name in FILES:
            save(part / name, objects.get(wanted[name]))
        release = Release(version=version, commit=commit, files=wanted)
        save(part / "release.json", release)
        check_golden(Model.load(part), f"{self.remote}: model.onnx of {version}")
        shutil.rmtree(folder, ignore_errors=True)  # a broken one; never the one that is served whole
        part.rename(folder)
        return release

    def _fetch(self, version: str) -> None:
        """Bring the commit of a version and the branch that may hold its objects, of both what is asked for."""
        git(self.mirror, "config", "remote.origin.url", self.remote)
        there = git(self.mirror, "ls-remote", "origin", *TIPS).split()[1::2]  # a clone knows its origin's branch
        refs = [f"+{ref}:{ref}" for ref in (f"refs/tags/model@{version}", *there)]
        git(self.mirror, "fetch", "--quiet", "--no-tags", "--depth=1", "--filter=blob:none", "origin", *refs)

    def _switch(self, version: str) -> None:
        link = self.releases / ".current.part"
        link.unlink(missing_ok=True)
        link.symlink_to(version)
        link.replace(self.releases / "current")

    def _prune(self, version: str) -> None:
        """Keep the newest few, so that a rollback finds the last one here."""
        folders = [path for path in self.releases.iterdir() if path.is_dir() and not path.name.startswith(".")]
        old = sorted((path for path in folders if path.name not in (version, "current")), key=_changed)
        for path in old[: max(0, len(old) - KEPT + 1)]:
            shutil.rmtree(path)


def follow(agent: Agent, interval: float, once: bool = False, sleep: Callable[[float], None] = time.sleep) -> None:
    """Reconcile, `interval` seconds apart, and longer while something is wrong; with `once` until it worked."""
    failures = 0
    while True:
        try:
            switched = agent.reconcile()
        except Exception as error:  # an agent outlives whatever it is handed
            failures += 1
            log("kept", version=agent.served(), reason=str(error), failures=failures)
        else:
            failures = 0
            if switched:
                log("switched", version=switched)
            if once:
                return
        sleep(min(interval * 2 ** min(failures, 10), max(interval, LONGEST_WAIT)) if failures else interval)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def log(event: str, **facts: object) -> None:
    """A JSON line on standard output."""
    print(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}), flush=True)


def _wanted(mirror: Path, commit: str) -> dict[str, str]:
    """MD5 of the files of a release, from its dvc.lock."""
    found = {Path(path).name: md5 for path, md5 in outputs(mirror, commit).items()}
    lacking = [name for name in FILES if name not in found]
    if lacking:
        raise BadInput(f"dvc.lock of {commit} names no {lacking[0]}: it isn't a release commit")
    return {name: found[name] for name in FILES}


def _whole(folder: Path, version: str, commit: str) -> bool:
    """Is this very release here, byte for byte?"""
    try:
        release = decode(Release, (folder / "release.json").read_bytes(), str(folder / "release.json"))
        found = {name: md5((folder / name).read_bytes()) for name in FILES}
    except (OSError, BadInput):
        return False
    return release == Release(version=version, commit=commit, files=found)
