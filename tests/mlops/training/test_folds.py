from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from mlops.contract import BadInput, Schema, column
from mlops.training import folds

COLUMNS = {"x": column("number", "input"), "y": column("integer", "target")}
TIMELESS = Schema(task="binary", columns=COLUMNS)
TIMED = Schema(task="binary", zone="America/New_York", columns={"at": column("timestamp", "time"), **COLUMNS})


def hourly(hours):
    times = pd.date_range("2026-01-01 05:00", periods=hours, freq="h", tz="UTC")
    return pd.DataFrame({"at": times, "x": np.arange(hours), "y": 0}).sample(frac=1, random_state=0)


def test_every_fold_measures_on_later_local_days_than_it_learns_from_and_the_window_grows():
    rows = hourly(24 * 20)
    days = rows["at"].dt.tz_convert("America/New_York").dt.date
    found = folds.folds(rows, TIMED, 3)
    assert all(max(days[learn]) < min(days[measure]) for learn, measure in found)
    assert [int(learn.sum()) // 24 for learn, _ in found] == [5, 10, 15]
    assert not any((before & ~after).any() for (before, _), (after, _) in pairwise(found))


def test_without_a_time_every_row_is_measured_on_once_and_keeps_its_fold_when_others_come():
    rows = pd.DataFrame({"x": np.arange(900.0), "y": 0})
    found = folds.folds(rows, TIMELESS, 3)
    assert (np.sum([measure for _, measure in found], axis=0) == 1).all()
    assert all((learn != measure).all() for learn, measure in found)
    assert folds.folds(rows[:500], TIMELESS, 3)[1][1].tolist() == found[1][1][:500].tolist()


@pytest.mark.parametrize(
    ("rows", "schema", "has"),
    [(hourly(24 * 3), TIMED, "3 local days"), (pd.DataFrame({"x": [1.0], "y": [0]}), TIMELESS, "1 rows")],
)
def test_too_little_data_for_the_folds_is_refused_with_the_key_to_change(rows, schema, has):
    with pytest.raises(BadInput, match=f"search.folds: {has} of training data are too few for 3; lower it"):
        folds.folds(rows, schema, 3)


def test_the_rows_of_a_smaller_share_are_among_those_of_a_larger():
    rows = pd.DataFrame({"x": np.arange(3000.0), "y": 0})
    few, more = (folds.sampled(rows, TIMELESS, share) for share in (0.1, 0.3))
    assert not (few & ~more).any()
    assert (few.mean(), more.mean()) == (pytest.approx(0.1, abs=0.02), pytest.approx(0.3, abs=0.03))
