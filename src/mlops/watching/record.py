"""monitor.json: what a check of production found, and what it came to.

Its JSON schema is monitor.schema.json beside this file.
"""

from typing import Annotated, Literal

from msgspec import Meta

from mlops.challenge import Mode
from mlops.contract import Share, Strict
from mlops.judging.record import Verdict

VERSION: Literal[1] = 1
Action = Literal["none", "investigate", "retrain"]
Kind = Literal[
    "missing", "range", "category", "gone", "frozen", "volume", "silence",
    "relation", "drift", "score", "target",
]  # fmt: skip
Count = Annotated[int, Meta(ge=0)]


class Finding(Strict, frozen=True):
    """The size of something in the window; it alarms above its level. `text` says it in words, where it alarms."""

    kind: Kind
    column: str
    size: float
    level: Annotated[float, Meta(gt=0)]
    text: str = ""

    @property
    def ratio(self) -> float:
        return self.size / self.level

    @property
    def alarms(self) -> bool:
        return self.size > self.level


class Day(Strict, frozen=True):
    """One local day: predictions, known outcomes, and their mean loss with the sampling error of the day's rows."""

    day: str
    rows: Count
    outcomes: Count = 0
    loss: float | None = None
    low: float | None = None
    high: float | None = None


class Performance(Strict, frozen=True):
    """Mean loss of the window less that of the test at release, with its interval, which `windows` of the past give."""

    loss: float
    released: float
    difference: float
    low: float
    high: float
    windows: float
    outcomes: Count

    @property
    def worse(self) -> bool:
        return self.low > 0


class Challenger(Strict, frozen=True):
    """The challenger beside the champion: mean losses, and their difference with its interval. They are absent, and the
    verdict is inconclusive, where too few outcomes (`rows`) are known of the challenger, or too few `blocks` of days.
    """

    version: str
    mode: Mode
    verdict: Verdict
    rows: Count
    blocks: Count
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


class Window(Strict, frozen=True):
    """What was looked at: local days from `start` to `end`, both inclusive; `model` made its newest prediction."""

    model: str
    start: str
    end: str
    days: Count
    rows: Count
    others: Count = 0
    confidence: Share = 0.95


class Basis(Strict, frozen=True):
    """On what the levels rest: so many windows of `days` days that don't overlap, of the model's training rows."""

    rows: Count
    days: Count
    windows: float
    false_alarms: float


class Decision(Strict, frozen=True):
    action: Action
    reasons: Annotated[list[str], Meta(min_length=1, max_length=100)]


class Monitor(Strict, frozen=True):
    """The whole. Without a window there was nothing to look at; without findings, too little."""

    version: Literal[1]
    decision: Decision
    owner: str
    window: Window | None = None
    basis: Basis | None = None
    findings: list[Finding] = []
    days: list[Day] = []
    performance: Performance | None = None
    challenger: Challenger | None = None

    @property
    def alarms(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.alarms]
