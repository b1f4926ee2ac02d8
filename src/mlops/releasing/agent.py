"""Follow a stage's tag in a git remote, and bring its version to a folder from which a service answers.

New tag -> fetch -> verify -> `releases/<version>/` -> switch `releases/current`. Every step can be cut off and started
again; whatever is wrong, the version that was there stays. Where the stage is production, the challenger comes after it
in the same way, named in `releases/challenger.json`. What was put where, and why, is in `releases/history.json`.

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

from mlops import challenge, confined, history
from mlops.contract import BadInput, ModelInfo, Release, decode, encode, save
from mlops.releasing import messages
from mlops.releasing.mirror import Mirror
from mlops.releasing.promotion import PRODUCTION
from mlops.releasing.registry import CHALLENGER, Registry, outputs

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
    def mirror(self) -> Mirror:
        return Mirror(self.remote, self.releases / ".git")

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
            known = self.mirror.open()
            switched = self._follow(known)
        except (BadInput, OSError):  # a git that was killed leaves locks, a full disk halves: the next try fetches anew
            self.mirror.drop()
            raise
        self._accompany(known)
        return switched

    def _follow(self, known: Registry) -> str | None:
        wanted = known.current(self.stage)
        if wanted is None:
            raise BadInput(f"{self.remote} has no tag model#{self.stage}#N: no version was put into this stage yet")
        release = self._release(wanted, known.commit(wanted))
        if self.served() == wanted and release is None:
            return None
        self._switch(wanted)
        self._prune()
        return wanted

    def _accompany(self, known: Registry) -> None:
        """The challenger and the history; whatever is wrong with them leaves production alone, and is tried again."""
        stages = (self.stage, CHALLENGER) if self.stage == PRODUCTION else (self.stage,)
        try:
            self.mirror.bring(dict.fromkeys(messages.recent(known, stages)))
            _write(self.releases / history.FILE, encode(messages.history(self.mirror.folder, known, stages)))
            self._challenge(known)
        except Exception as error:
            self.mirror.drop()
            log("kept", stage=CHALLENGER, reason=str(error))

    def _challenge(self, known: Registry) -> None:
        file = self.releases / challenge.FILE
        wanted = messages.challenge(self.mirror.folder, known, self.served()) if self.stage == PRODUCTION else None
        if wanted is None:
            file.unlink(missing_ok=True)
            return
        brought = self._release(wanted.version, known.commit(wanted.version))
        if _write(file, encode(wanted)) or brought:
            self._prune()
            log("challenger", version=wanted.version, mode=wanted.mode, share=wanted.share)

    def _release(self, version: str, commit: str) -> Release | None:
        """Bring a version here unless it is here whole; what was brought."""
        folder = self.releases / version
        if _whole(folder, version, commit):
            return None
        objects = self.mirror.objects(version, commit)
        wanted = _wanted(self.mirror.folder, commit)
        part = self.releases / f".{version}.part"
        shutil.rmtree(part, ignore_errors=True)
        graph, info = (objects.get(wanted[name]) for name in FILES)
        for name, content in zip(FILES, (graph, info), strict=True):
            save(part / name, content)
        release = Release(version=version, commit=commit, files=wanted)
        save(part / "release.json", release)
        place = f"{self.remote}: model.onnx of {version}"
        confined.try_golden(graph, decode(ModelInfo, info, place), place)
        shutil.rmtree(folder, ignore_errors=True)  # a broken one; never the one that is served whole
        part.rename(folder)
        return release

    def _switch(self, version: str) -> None:
        link = self.releases / ".current.part"
        link.unlink(missing_ok=True)
        link.symlink_to(version)
        link.replace(self.releases / "current")

    def _prune(self) -> None:
        """Keep the newest few, so that a rollback finds the last one here, and what is in use."""
        used = {"current", self.served(), self._challenger()}
        folders = [path for path in self.releases.iterdir() if path.is_dir() and not path.name.startswith(".")]
        old = sorted((path for path in folders if path.name not in used), key=_changed)
        for path in old[: max(0, len(old) - KEPT + 1)]:
            shutil.rmtree(path)

    def _challenger(self) -> str | None:
        """The version that challenger.json names."""
        try:
            return decode(challenge.Challenge, (self.releases / challenge.FILE).read_bytes(), challenge.FILE).version
        except (OSError, BadInput):
            return None


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


def _write(path: Path, content: bytes) -> bool:
    """Write what isn't there yet; was it new?"""
    if path.exists() and path.read_bytes() == content:
        return False
    save(path, content)
    return True


def _whole(folder: Path, version: str, commit: str) -> bool:
    """Is this very release here, byte for byte?"""
    try:
        release = decode(Release, (folder / "release.json").read_bytes(), str(folder / "release.json"))
        found = {name: md5((folder / name).read_bytes()) for name in FILES}
    except (OSError, BadInput):
        return False
    return release == Release(version=version, commit=commit, files=found)
