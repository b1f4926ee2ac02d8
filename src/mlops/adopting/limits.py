"""Values of params.yaml that fit a table: how it is split, and how long a block is."""

import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pandas as pd

from mlops import rows as row
from mlops.contract import BadInput, Schema
from mlops.params import Params, Prepare
from mlops.training import sample, split

TEST = 0.2  # share of the rows that a test should have
FEW, BLOCKS = 500, 6
SHARES = (0.2, 0.25, 0.3, 0.15, 0.4, 0.1)
LEAF = 20  # rows below which the example's trees don't split


def fit(rows: pd.DataFrame, schema: Schema, params: Params) -> dict[str, dict[str, Any]]:
    """Values by block and key.

    Raises
    ------
    BadInput
        No split leaves enough to learn from and to test on; says what the best one lacks.
    """
    lacks = ""
    for prepare, block in _candidates(rows, schema, params):
        found = lacking(rows, schema, prepare, params)
        if not found:
            changed = {"test_period": prepare.test_period, "test_share": prepare.test_share}
            return {"prepare": changed, "judge": {"block": block}}
        lacks = lacks or found
    if schema.time:
        raise BadInput(f"no newest day, week, month, quarter or year will do as the test: {lacks or 'too few days'}")
    raise BadInput(f"too few rows to train and to test on: {lacks}")


def remarks(rows: pd.DataFrame, schema: Schema, values: dict[str, dict[str, Any]]) -> list[str]:
    """How the rows are split, and what a verdict on so few of them can't see."""
    wanted = Prepare(test_rows=len(rows), sample_rows=None, samples=1, **values["prepare"])
    tested = int(split.is_test(rows, schema, wanted).sum())
    what = f"the newest {wanted.test_period}" if schema.time else "rows chosen by hash"
    told = [f"tested on {tested:,} of {len(rows):,} rows, {what}"]
    if tested < FEW:
        told.append("so few test rows show large effects only; after the experiment you are told how large")
    if len(rows) - tested < 4 * LEAF:  # a training of an experiment takes half of them
        told.append("boosted trees hardly learn from so few rows: try a linear model (`algorithm` in params.yaml)")
    return told


def lacking(rows: pd.DataFrame, schema: Schema, prepare: Prepare, params: Params) -> str:
    """What a split lacks for an experiment, or nothing."""
    judge = params.judge
    drawn = msgspec.structs.replace(prepare, sample_rows=judge.sample_rows, samples=judge.trainings)
    try:
        train, test = split.split(rows, schema, drawn)
    except BadInput as error:
        return str(error)
    if len(test) < 2 or len(train) < 4:
        return f"{len(train)} rows to train and {len(test)} to test"
    if schema.task == "regression":
        return ""
    known = set(train[schema.target])
    samples = [set(train.loc[train[mark], schema.target]) for mark in map(str, train) if mark.startswith(sample.MARK)]
    rare = [label for label in sorted(known | set(test[schema.target])) if any(label not in part for part in samples)]
    if rare:
        return f"class {rare[0]!r} of '{schema.target}' is too rare to be in every sample; merge or remove it"
    return ""


def _candidates(rows: pd.DataFrame, schema: Schema, params: Params) -> Iterator[tuple[Prepare, int]]:
    """Splits from the most fitting on, each with the length of a block in days."""
    if schema.time is None:
        for share in SHARES if len(rows) >= FEW else (0.3, *SHARES):
            yield msgspec.structs.replace(params.prepare, test_share=share), params.judge.block
        return
    days = row.local(rows[schema.time], schema.zone)
    number = (days.dt.normalize() - pd.Timestamp(0)).dt.days
    ranked = []
    for name, code in split.PERIODS.items():
        periods = days.dt.to_period(code)
        test = periods == periods.max()
        counts = [(block, (number[test] // block).nunique()) for block in dict.fromkeys((params.judge.block, 1))]
        block, blocks = next((pair for pair in counts if pair[1] >= BLOCKS), counts[-1])
        if blocks > 1 and test.mean() <= 0.5:
            ranked.append((blocks < BLOCKS, abs(math.log(test.mean() / TEST)), name, block))
    for _, _, name, block in sorted(ranked):
        yield msgspec.structs.replace(params.prepare, test_period=name), block
