"""What the status page shows: the counts of this process, the newest checks in the store, what the agent left.

What others wrote may be of another version of this project, damaged, or absent: it is read as far as it goes, so that
the page comes whatever else is broken.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from mlops import challenge, history
from mlops.challenge import Challenge
from mlops.contract import Record, Release, T
from mlops.history import Assignment
from mlops.serving import collection
from mlops.serving.current import Current
from mlops.serving.metrics import Metrics
from mlops.store import Store

SHOWN = 10  # checks
FRESH = 5.0  # seconds for which the store isn't asked again
PATIENCE = 2.0  # seconds that a page waits for the store


class Decision(Record, frozen=True):
    action: str = "none"
    reasons: list[str] = []


class Window(Record, frozen=True):
    model: str = ""
    start: str = ""
    end: str = ""
    rows: int = 0


class Finding(Record, frozen=True):
    kind: str = ""
    column: str = ""
    size: float = 0.0
    level: float = 1.0

    @property
    def alarms(self) -> bool:
        return self.size > self.level


class Day(Record, frozen=True):
    day: str = ""
    loss: float | None = None
    low: float | None = None
    high: float | None = None


class Performance(Record, frozen=True):
    loss: float
    released: float
    difference: float
    low: float
    high: float


class Duel(Record, frozen=True):
    """Champion against challenger: mean losses, and their difference with its interval."""

    version: str = ""
    verdict: str = ""
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int = 0


class Check(Record, frozen=True):
    """monitor.json, as much of it as is shown."""

    decision: Decision = Decision()
    window: Window | None = None
    findings: list[Finding] = []
    days: list[Day] = []
    performance: Performance | None = None
    challenger: Duel | None = None


Checks = list[tuple[datetime, Check]]


@dataclass(frozen=True)
class State:
    """Everything that the page shows. `switched`: when the served version arrived here; `checks`: None where the store
    can't be read; `spool`: bytes that wait for it.
    """

    now: datetime
    release: Release | None
    target: str
    switched: datetime | None
    metrics: Metrics
    spool: int
    checks: Checks | None
    history: list[Assignment]
    challenger: Challenge | None


class Status:
    """Gathers, for one service."""

    def __init__(self, current: Current, metrics: Metrics, store: Store, releases: Path, spool: Path) -> None:
        self._current, self._metrics, self._releases, self._spool = current, metrics, releases, spool
        self._recent = _Recent(store)

    async def state(self) -> State:
        served = self._current.served
        return State(
            now=datetime.now(UTC),
            release=served.release if served else None,
            target=served.info.schema.target if served else "",
            switched=_switched(self._releases / "current"),
            metrics=self._metrics,
            spool=collection.size(self._spool),
            checks=await self._recent.checks(),
            history=_read(self._releases / history.FILE, list[Assignment]) or [],
            challenger=_read(self._releases / challenge.FILE, Challenge),
        )


class _Recent:
    """The store's newest checks: one reader at a time, in a thread, so that a store that hangs stops no answer."""

    def __init__(self, store: Store) -> None:
        self._store, self._at = store, 0.0
        self._task: asyncio.Task[Checks | None] | None = None

    async def checks(self) -> Checks | None:
        """None where the store doesn't answer."""
        if self._task is None or (self._task.done() and time.monotonic() > self._at + FRESH):
            self._task, self._at = asyncio.create_task(asyncio.to_thread(self._read)), time.monotonic()
        done, _ = await asyncio.wait([self._task], timeout=PATIENCE)
        return self._task.result() if done else None

    def _read(self) -> Checks | None:
        try:
            found = [(at, _convert(content)) for at, content in self._store.checks(SHOWN)]
        except (SQLAlchemyError, msgspec.MsgspecError):
            return None
        return [(at, check) for at, check in found if check]


def _switched(link: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(link.lstat().st_mtime, UTC)
    except OSError:
        return None


def _convert(content: dict[str, Any]) -> Check | None:
    try:
        return msgspec.convert(content, Check)
    except msgspec.ValidationError:
        return None


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
