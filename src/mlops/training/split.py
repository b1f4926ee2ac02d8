"""Which rows are the test: the newest period, so that a model is judged on a future that it hasn't seen.

No file alone tells which period is the newest, or how large a share of its rows is wanted: `count` says of a file what
`plan` must know of all of them, and `draw` takes the rows of a file that the plan wants.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops import rows as row
from mlops.contract import BadInput, Record, Schema
from mlops.params import Prepare
from mlops.training import sample

PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
CHOSEN = 1  # the "period" of the rows that are the test by their hash, where there is no time; the others' is 0
TEST = f"{sample.MARK}test"


class Count(Record, frozen=True):
    """How many rows one period has, and two values of the target among them, or the only one."""

    period: int
    rows: int
    values: list[float | str]


class Plan(NamedTuple):
    """The test's period, the number of training rows, and how often these and the test rows are halved."""

    test: int
    train_rows: int
    train_halvings: int
    test_halvings: int


def periods(rows: pd.DataFrame, schema: Schema, limits: Prepare) -> NDArray[np.int64]:
    """Number of each row's period, shape (n_rows,).

    With a time column: of its `limits.test_period` in the schema's zone. Without: by its hash, so that a row stays on
    its side when others come.
    """
    if schema.time:
        found = row.local(rows[schema.time], schema.zone).dt.to_period(PERIODS[limits.test_period])
        return np.asarray(found.astype("int64"), np.int64)
    share = row.fraction(row.identity(rows, schema), sample.TEST_SALT)
    return np.where(share < limits.test_share, np.int64(CHOSEN), np.int64(0))


def count(rows: pd.DataFrame, schema: Schema, limits: Prepare) -> list[Count]:
    """What a plan must know of some of the rows, period by period."""
    target, period = rows[schema.target], periods(rows, schema, limits)
    parts = [(number, target[period == number]) for number in np.unique(period).tolist()]
    return [Count(period=number, rows=len(part), values=part.dropna().unique()[:2].tolist()) for number, part in parts]


def plan(counts: Iterable[Count], schema: Schema, limits: Prepare) -> Plan:
    """The split of all rows that were counted.

    Raises
    ------
    BadInput
        One of the two sides would be empty, or the target constant in training.
    """
    rows, values = Counter[int](), defaultdict[int, set[float | str]](set)
    for one in counts:
        rows[one.period] += one.rows
        values[one.period].update(one.values)
    test = max(rows) if schema.time else CHOSEN
    tested, trained = rows[test], rows.total() - rows[test]
    if not tested or not trained:
        raise BadInput(
            f"data/: the split leaves {trained} rows to train and {tested} to test; add data, "
            f"or change prepare.{'test_period' if schema.time else 'test_share'} in params.yaml"
        )
    known = set().union(*(values[period] for period in rows.keys() - {test}))
    if len(known) < 2:
        raise BadInput(
            f"data/: column '{schema.target}', the target, has one value only in the {trained} training "
            f"rows ({next(iter(known), None)!r}): nothing to learn; add rows with other values"
        )
    return Plan(
        test=test,
        train_rows=trained,
        train_halvings=sample.halvings(trained, limits.sample_rows, limits.samples),
        test_halvings=sample.halvings(tested, limits.test_rows),
    )


def draw(rows: pd.DataFrame, schema: Schema, limits: Prepare, wanted: Plan) -> pd.DataFrame:
    """The test rows (`TEST` is true), capped by hash, and the training rows that are in a sample.

    One boolean column a sample (``sample 0``, ...) says which training rows are in it.
    """
    hashes, test = row.identity(rows, schema), periods(rows, schema, limits) == wanted.test
    marks = {
        f"{sample.MARK}{number}": sample.draw(hashes, wanted.train_halvings, sample.FIRST_SALT + number) & ~test
        for number in range(limits.samples)
    }
    marks[TEST] = sample.draw(hashes, wanted.test_halvings, sample.CAP_SALT) & test
    return rows.assign(**marks).loc[np.any(list(marks.values()), axis=0)]


def is_test(rows: pd.DataFrame, schema: Schema, limits: Prepare) -> NDArray[np.bool_]:
    """Mask of the test rows, shape (n_rows,), where these are all rows."""
    return periods(rows, schema, limits) == plan(count(rows, schema, limits), schema, limits).test


def split(rows: pd.DataFrame, schema: Schema, limits: Prepare) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows, marked, and test rows, where these are all rows; `Partitions.sides` does it file by file."""
    wanted = plan(count(rows, schema, limits), schema, limits)
    drawn = draw(rows, schema, limits, wanted)
    marks = [name for name in drawn if str(name).startswith(sample.MARK)]
    train, test = drawn.loc[~drawn[TEST]].drop(columns=TEST), drawn.loc[drawn[TEST]].drop(columns=marks)
    train.attrs["sample"] = told(wanted)
    return train, test


def told(wanted: Plan) -> dict[str, int]:
    """What the training rows say of their samples: of how many rows they are, and how often these were halved."""
    return {"of": wanted.train_rows, "halvings": wanted.train_halvings}
