"""Faults: each function brings one about, makes sure that it was felt, and takes it away.

Its arguments are what runs, the number of the trial, and of how many.
"""

import contextlib
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.running import PATIENCE, Running, eventually
from benchmarks.stand import md5
from mlops.pointers import relative
from mlops.releasing.branch import REF
from mlops.workspace import git

CHANCE = random.Random(0)  # noqa: S311
FILLER = "filler"


def service_killed(found: Running, number: int, _trials: int) -> None:
    """Now and then in the middle of a switch."""
    if number % 2:
        found.want(found.other)
        _soon(0.5)
    found.kill_service()
    found.start_service()


def agent_killed_at_a_line(found: Running, number: int, trials: int) -> None:
    """From an empty folder to the end of a reconciliation: at each of its lines, git's part being one."""
    lines = found.agent_lines
    found.agent.kill()
    found.forget(found.other)
    found.forget(".git")
    found.want(found.other)
    found.agent.die(1 + number * lines // trials, PATIENCE)
    found.agent.start()


def agent_killed_at_a_moment(found: Running, number: int, _trials: int) -> None:
    """With the git that it is waiting for."""
    found.agent.kill()
    found.forget(found.other)
    if number % 2:
        found.forget(".git")
    found.want(found.other)
    found.agent.start()
    _soon(0.5)
    found.agent.kill()
    found.agent.start()


def database_stopped(found: Running, number: int, _trials: int) -> None:
    """In turns by force; now and then the service is killed meanwhile, and starts without its database."""
    _soon(0.5)  # else outage follows outage, and the service waits longer and longer between its tries
    found.database.halt("immediate" if number % 2 else "fast")
    failures = found.counted("ship_failures_total")
    if number % 5 == 4:
        found.kill_service()
        found.start_service()
        failures = 0
    _must(lambda: found.counted("ship_failures_total") > failures, "the service still reaches its database")
    found.database.start()


def remote_gone(found: Running, _number: int, _trials: int) -> None:
    """Before, while or after the agent fetches."""
    found.forget(found.other)
    found.want(found.other)
    _soon(0.3)
    away = found.made.origin.with_suffix(".away")
    with found.agent.refusing(PATIENCE):
        found.made.origin.rename(away)
    away.rename(found.made.origin)


def object_missing_or_damaged(found: Running, number: int, _trials: int) -> None:
    """On the branch of the origin: gone, cut, or the model of a version that isn't wanted."""
    origin, good = found.made.origin, git(found.made.origin, "rev-parse", REF)
    name = ("model.onnx", "model.json")[number % 2]
    stranger = found.made.model(found.made.versions[-1]) / name
    cut = found.made.folder / "cut"
    cut.write_bytes(stranger.read_bytes()[:1000])
    content = (None, cut, stranger)[number // 2 % 3]
    found.forget(found.other)
    git(origin, "update-ref", REF, _without(origin, good, md5(found.made.model(found.other) / name), content))
    with found.agent.refusing(PATIENCE):
        found.want(found.other)
    git(origin, "update-ref", REF, good)


def release_damaged(found: Running, number: int, _trials: int) -> None:
    """On disk: a file is gone, cut, or another version's; of the version that is served, or of the one to come.

    In every fourth trial the service starts while the damage is there and no agent is, and mustn't serve it.
    """
    starts = number % 4 == 3
    version = found.wanted if number % 2 else found.other
    if starts:
        found.agent.kill()
    _damage(found, version, ("model.onnx", "model.json", "release.json")[number % 3], number // 3 % 3)
    if starts:
        found.kill_service()
        found.start_service()
        _must(lambda: found.counted("load_failures_total") > 0, "the service noticed nothing of the damage")
        found.agent.start()
    if version == found.other:
        found.want(version)


def spool_full(found: Running, _number: int, _trials: int) -> None:
    """Until requests are refused."""

    def refuses() -> bool:
        _fill(found.spool)
        return found.predict(os.urandom(8).hex()) == 503

    _must(refuses, "the service answers though its spool is full")
    (found.spool / FILLER).unlink()


def releases_full(found: Running, number: int, _trials: int) -> None:
    """But for a little, so that a new version doesn't fit."""
    found.agent.kill()
    found.forget(found.other)
    if number % 2:
        found.forget(".git")
    _fill(found.releases, CHANCE.randrange(100_000))
    found.want(found.other)
    with found.agent.refusing(PATIENCE):
        found.agent.start()
    (found.releases / FILLER).unlink()


FAULTS: dict[str, Callable[[Running, int, int], None]] = {
    "service killed": service_killed,
    "agent killed at a line of its work": agent_killed_at_a_line,
    "agent killed at a moment": agent_killed_at_a_moment,
    "database stopped": database_stopped,
    "git remote gone": remote_gone,
    "storage object missing or damaged": object_missing_or_damaged,
    "release on disk damaged": release_damaged,
    "disk of the spool full": spool_full,
    "disk of the releases full": releases_full,
}


def _soon(most: float) -> None:
    time.sleep(CHANCE.uniform(0, most))


def _must(happen: Callable[[], bool], otherwise: str) -> None:
    """A fault that does nothing proves nothing."""
    if not eventually(happen):
        raise RuntimeError(otherwise)


def _without(origin: Path, commit: str, object: str, content: Path | None) -> str:
    """A commit of the storage's branch in which an object is missing, or holds something else."""
    index = {"GIT_INDEX_FILE": str(origin / "index.trial")}
    git(origin, "read-tree", commit, **index)
    blob = git(origin, "hash-object", "-w", "--no-filters", str(content)) if content else "0" * 40
    row = f"{'100644' if content else '0'} {blob}\t{relative(object)}\n"
    git(origin, "update-index", "--index-info", given=row, **index)
    return git(origin, "commit-tree", git(origin, "write-tree", **index), "-p", commit, "-m", "a trial")


def _damage(found: Running, version: str, name: str, how: int) -> None:
    file = found.releases / version / name
    if how == 0:
        file.unlink()
    elif how == 1:
        file.write_bytes(file.read_bytes()[:100])
    elif name == "release.json":
        others = [one for one in found.made.versions[:2] if one != version]
        shutil.copy(found.releases / others[0] / name, file)
    else:
        shutil.copy(found.made.model(found.made.versions[-1]) / name, file)


def _fill(folder: Path, spare: int = 0) -> None:
    """Leave `spare` bytes of a file system free."""
    with (folder / FILLER).open("ab") as filler:
        state = os.statvfs(folder)
        free = state.f_bavail * state.f_frsize - spare
        with contextlib.suppress(OSError):  # the service was faster
            os.posix_fallocate(filler.fileno(), filler.tell(), max(free, 1))
