"""What the rooms share: the schema of a problem, model.json, profiles, and the error that users see.

Imports stay light: the service loads this module, and holds neither pandas nor scikit-learn.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

Task = Literal["binary", "multiclass", "regression"]
Type = Literal["number", "integer", "boolean", "text", "timestamp"]
Role = Literal["input", "target", "time", "slice", "ignored"]
Policy = Literal["error", "drop", "keep"]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
T = TypeVar("T")


class BadInput(ValueError):
    """Something a person must mend: the message names place, value and remedy. Shown without a traceback."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one program writes and another reads: rejects wrong types and values outside the annotated range.

    Unknown keys are passed over: a pull request that adds one is judged by code that doesn't know it yet.
    """


class Strict(Record, frozen=True, forbid_unknown_fields=True):
    """What a person writes: rejects unknown keys, too, as they are misspelt ones."""


class Column(Record, frozen=True, omit_defaults=True):
    """One column of the data.

    `low` and `high` are inclusive bounds in `unit`; `outliers` says what happens to a value outside them or
    outside `categories`; `missing` whether a value may be absent; `sensitive` columns are masked outside production.
    """

    type: Type
    roles: tuple[Role, ...]
    unit: str = ""
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    missing: bool = False
    outliers: Policy = "error"
    sensitive: bool = False


def column(type: Type, *roles: Role, **rest: Any) -> Column:
    """Shorthand for schema.py: ``column("number", "input", unit="miles", low=0)``."""
    return Column(type=type, roles=roles, **rest)


class Schema(Record, frozen=True):
    """Every column of the data, and what the problem is.

    `zone` is the local time zone in which days and months are counted; `duplicates` what happens to rows that equal
    an earlier one in every column; `key` the columns that say which rows are the same row in another version of the
    data (default: all that aren't ignored). Sampling and the removal of overlap go by the key.
    """

    task: Task
    columns: dict[str, Column]
    zone: str = "UTC"
    duplicates: Policy = "error"
    key: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problem = _inconsistency(self)
        if problem:
            raise BadInput(f"src/problem/schema.py: {problem}")

    def having(self, role: Role) -> list[str]:
        """Names of the columns with this role, in the schema's order."""
        return [name for name, column in self.columns.items() if role in column.roles]

    @property
    def inputs(self) -> list[str]:
        return self.having("input")

    @property
    def target(self) -> str:
        return self.having("target")[0]

    @property
    def time(self) -> str | None:
        return next(iter(self.having("time")), None)

    @property
    def identity(self) -> list[str]:
        """The key, or else every column that isn't ignored."""
        return list(self.key) or [name for name, column in self.columns.items() if "ignored" not in column.roles]


def _inconsistency(schema: Schema) -> str | None:
    targets = schema.having("target")
    if len(targets) != 1:
        return f"{len(targets)} columns have the role 'target' ({', '.join(targets) or 'none'}); name exactly one"
    if "input" in schema.columns[targets[0]].roles:
        return f"the target '{targets[0]}' is among the inputs; take the role 'input' from it"
    if not schema.inputs:
        return "no column has the role 'input'; name at least one"
    times = schema.having("time")
    if len(times) > 1 or any(schema.columns[name].type != "timestamp" for name in times):
        return f"the role 'time' goes to at most one column of type 'timestamp', not to {', '.join(times)}"
    for name, column in schema.columns.items():
        if "input" in column.roles and column.type == "timestamp":
            return f"'{name}' is a timestamp and an input; give the model numbers made from it instead"
        if "ignored" in column.roles and len(column.roles) > 1:
            return f"'{name}' is 'ignored' and has other roles, too; choose"
    unknown = [name for name in schema.key if name not in schema.columns]
    if unknown:
        return f"key names '{unknown[0]}', which isn't a column; known are {', '.join(schema.columns)}"
    return None


class Summary(Record, frozen=True, omit_defaults=True):
    """What a column looked like over some rows. `quantiles` are 21 equidistant ones, for numbers; `counts` the
    most frequent values, for text, and `other` the number of rows with any other value.
    """

    missing: int
    mean: float | None = None
    std: float | None = None
    quantiles: list[float] = []
    counts: dict[str, int] = {}
    other: int = 0


class Profile(Record, frozen=True):
    """Summaries of every column over `rows` rows."""

    rows: int
    columns: dict[str, Summary]


class Partition(Record, frozen=True):
    """One data file: its MD5, as DVC knows it, its profile, and how many rows each rule dropped or let pass."""

    md5: str
    profile: Profile
    dropped: dict[str, int]
    passed: dict[str, int]


class Golden(Record, frozen=True):
    """Rows with the predictions that the model must reproduce. Columns map to values, one a row."""

    rows: dict[str, list[float | str | None]]
    predictions: list[list[float]]


class ModelInfo(Record, frozen=True):
    """model.json: what a consumer of model.onnx must know. Holds nothing that differs between identical trainings."""

    format: Literal[1]
    task: Task
    classes: list[str | int | float]
    schema: Schema
    seed: int
    settings: dict[str, Any]
    rows: int
    data: dict[str, str]
    libraries: dict[str, str]
    golden: Golden
    profile: Profile


class Release(Record, frozen=True):
    """release.json, beside the model in a folder of releases: which version this is, and the MD5 of its files."""

    version: str
    commit: str
    files: dict[str, str]


def decode(kind: type[T], text: bytes | str, place: str) -> T:
    """Parse JSON as `kind`.

    Raises
    ------
    BadInput
        Names `place`, the key and what is wrong with its value.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"{place}: {error}") from None


def encode(value: Any) -> bytes:
    """Canonical, readable JSON: the same value gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=1) + b"\n"


def save(path: Path, value: Any) -> None:
    """Write `value` (bytes, or anything that JSON can say) whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".part")
    scratch.write_bytes(value if isinstance(value, bytes) else encode(value))
    scratch.replace(path)
