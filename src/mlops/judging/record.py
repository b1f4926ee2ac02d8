"""comparison.json: everything that a comparison found, and all that a report needs.

Its JSON schema is comparison.schema.json beside this file. Another side may have written it, so every text and list
is bounded; who renders it escapes what it holds.
"""

from typing import Annotated, Literal

from msgspec import Meta

from mlops.contract import Record, Share, Strict, Task

VERSION: Literal[1] = 1
Verdict = Literal["better", "inconclusive", "unchanged", "worse", "suspicious", "incomparable"]
Text = Annotated[str, Meta(max_length=500)]
Count = Annotated[int, Meta(ge=0)]


class Side(Record, frozen=True):
    """One of the two: the commit, whether uncommitted changes came on top, and the data that it used."""

    commit: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]
    subject: Text = ""
    dirty: bool = False
    data: Annotated[dict[Text, Text], Meta(max_length=10_000)] = {}
    libraries: Annotated[dict[Text, Text], Meta(max_length=100)] = {}


class Estimate(Strict, frozen=True):
    """Mean of a metric on both sides, and their difference (head - base) with its interval."""

    name: Text
    lower_is_better: bool
    base: float | None
    head: float | None
    difference: float | None
    low: float | None
    high: float | None


class Slice(Strict, frozen=True):
    """Difference of the loss in the rows where `column` is `value`. `p` is the probability to see this difference if
    the slice were worse by the margin at most (one-sided); None where there are too few rows or blocks to judge.
    """

    column: Text
    value: Text
    rows: Count
    base: float
    head: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    broken: bool


class Bin(Strict, frozen=True):
    """Predictions near `predicted`, and how often the outcome was so on average."""

    rows: Count
    predicted: Share
    observed: Share


class Day(Strict, frozen=True):
    """Difference of the mean loss on one local day."""

    day: Text
    rows: Count
    difference: float


class Ratio(Strict, frozen=True):
    """A cost of the model on both sides, against the largest ratio that is allowed."""

    name: Text
    unit: Text
    base: Annotated[float, Meta(gt=0)]
    head: float
    limit: Annotated[float, Meta(gt=0)]
    broken: bool


class Importance(Strict, frozen=True):
    """Share of the head's skill that is lost when the input's values are shuffled; `base` None for a new input."""

    input: Text
    base: float | None
    head: float


class Drift(Record, frozen=True):
    """How a column differs between the base's data and the rows that the head adds or changes."""

    column: Text
    what: Text
    base: Text
    head: Text
    notable: bool


class Change(Record, frozen=True):
    """Something that the head changed: a file, a params key, a data file, or a column of the schema."""

    what: Text
    base: Text = ""
    head: Text = ""


class Changes(Record, frozen=True):
    flagged: Annotated[list[Text], Meta(max_length=200)] = []
    files: Annotated[list[Text], Meta(max_length=500)] = []
    params: Annotated[list[Change], Meta(max_length=200)] = []
    schema: Annotated[list[Change], Meta(max_length=500)] = []
    data: Annotated[list[Change], Meta(max_length=500)] = []
    drift: Annotated[list[Drift], Meta(max_length=500)] = []


class Facts(Record, frozen=True):
    """What the caller of the judge knows from git: both sides, what changed, how many releases this test has judged."""

    base: Side
    head: Side
    changes: Changes
    released: Count = 0
    accept_incomparable: bool = False


class Basis(Strict, frozen=True):
    """On what the verdict rests."""

    task: Task
    target: Text
    trainings: Count
    sample_rows: Count
    sample_share: float
    test_rows: Count
    overlap: Count
    period: Text
    blocks: Count
    block: Text
    confidence: float
    detectable: float | None
    released: Count


class Decision(Strict, frozen=True):
    accepted: bool
    reasons: Annotated[list[Text], Meta(min_length=1, max_length=100)]


class Failure(Strict, frozen=True):
    """What stands in comparison.json instead where there was nothing to compare: a side and why it failed."""

    version: Literal[1]
    failed: Annotated[str, Meta(max_length=4000)]


class Comparison(Strict, frozen=True):
    """The whole. For `unchanged` and `incomparable` only the sides, the changes and the decision are there."""

    version: Literal[1]
    verdict: Verdict
    decision: Decision
    base: Side
    head: Side
    changes: Changes
    why: Annotated[list[Text], Meta(max_length=20)] = []
    basis: Basis | None = None
    metrics: Annotated[list[Estimate], Meta(max_length=20)] = []
    slices: Annotated[list[Slice], Meta(max_length=1000)] = []
    calibration_margin: float = 0
    base_bins: Annotated[list[Bin], Meta(max_length=100)] = []
    head_bins: Annotated[list[Bin], Meta(max_length=100)] = []
    days: Annotated[list[Day], Meta(max_length=400)] = []
    footprint: Annotated[list[Ratio], Meta(max_length=10)] = []
    importance: Annotated[list[Importance], Meta(max_length=1000)] = []
    reproducible: bool = True
