"""params.yaml as frozen records: one block a step, unknown keys and values out of range rejected by name."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from mlops.contract import BadInput, Positive, Share, Strict, T

Seed = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Margin = Annotated[float, msgspec.Meta(ge=0)]
Ratio = Annotated[float, msgspec.Meta(ge=1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Level = Annotated[float, msgspec.Meta(gt=0.5, lt=1)]


class Validate(Strict, frozen=True):
    max_dropped: Share


class Prepare(Strict, frozen=True):
    test_period: Literal["day", "week", "month", "quarter", "year"]
    test_share: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    test_rows: Positive
    sample_rows: Positive | None
    samples: Annotated[int, msgspec.Meta(ge=1, le=50)]


class Train(Strict, frozen=True):
    seed: Seed
    model: dict[str, Any]


class Search(Strict, frozen=True):
    seed: Seed
    trials: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    cut: Annotated[int, msgspec.Meta(ge=2, le=10)]
    rows: Positive | None
    folds: Annotated[int, msgspec.Meta(ge=2, le=20)]
    space: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)]


class Judge(Strict, frozen=True):
    sample_rows: Positive
    trainings: Annotated[int, msgspec.Meta(ge=2, le=50)]
    block: Positive
    confidence: Level
    resamples: Annotated[int, msgspec.Meta(ge=200, le=100_000)]
    slice_margin: Margin
    slice_rows: Positive
    slice_blocks: Annotated[int, msgspec.Meta(ge=2)]
    calibration_margin: Margin
    max_size: Ratio
    max_load: Ratio
    max_latency: Ratio
    max_memory: Ratio
    max_gain: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    max_carried: Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Deploy(Strict, frozen=True):
    approval: Literal["none", "required"]
    require_labels: list[str]
    margin: Margin
    interval: Annotated[float, msgspec.Meta(gt=0)]


class Serve(Strict, frozen=True):
    out_of_range: Literal["count", "refuse"]
    max_rows: Positive
    max_bytes: Positive
    fsync: bool
    when_full: Literal["answer", "refuse"]
    ship_interval: Annotated[float, msgspec.Meta(gt=0)]


class Monitor(Strict, frozen=True):
    owner: str
    days: Positive
    min_rows: Positive
    false_alarms: Annotated[float, msgspec.Meta(gt=0, lt=0.5)]
    strong: Ratio
    confidence: Level


class Retrain(Strict, frozen=True):
    publish: bool
    min_known: Share
    min_rows: Positive


class Card(Strict, frozen=True):
    owner: Text
    meant_for: Text
    not_meant_for: Text


class Params(Strict, frozen=True):
    """`engine` came later than the blocks, and a params.yaml of before may lack it."""

    validate: Validate
    prepare: Prepare
    train: Train
    search: Search
    judge: Judge
    deploy: Deploy
    serve: Serve
    monitor: Monitor
    retrain: Retrain
    card: Card
    engine: Literal["local", "dask"] = "local"


def load(root: Path = Path()) -> Params:
    """Read `root`/params.yaml.

    Raises
    ------
    BadInput
        Names the key, its value's fault and, for a misspelt key, the one that was probably meant.
    """
    return convert(read(root), Params, "params.yaml")


def read(root: Path) -> dict[str, Any]:
    """The bare content of `root`/params.yaml, without any check of its keys."""
    path = root / "params.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; run from the root of the project") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: expected one block a step, got {content!r}")
    return content


def convert(content: Any, kind: type[T], place: str) -> T:
    """Turn parsed YAML into the record `kind`; `place` says where it stands, for the message."""
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{place}: {_explain(str(error), content, kind)}") from None


def _explain(message: str, content: Any, kind: Any) -> str:
    """Name the value at the path that msgspec gives, and the known key nearest to an unknown one."""
    reason, _, path = message.partition(" - at `$")
    keys = [key for key in path.rstrip("`").split(".") if key]
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else content
        kind = next((field.type for field in msgspec.structs.fields(kind) if field.name == key), kind)
    at = f" (at {'.'.join(keys)}{f', got {content!r}' if not isinstance(content, dict) else ''})" if keys else ""
    if "unknown field" not in reason:
        return reason + at
    known = [field.name for field in msgspec.structs.fields(kind)]
    unknown = reason.split("`")[1]
    near = difflib.get_close_matches(unknown, known, n=1)
    return f"unknown key '{unknown}'{at}; " + (f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}")
