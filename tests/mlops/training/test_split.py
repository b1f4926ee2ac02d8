import msgspec
import numpy as np
import pandas as pd
import pytest

from mlops.contract import BadInput, Schema, column
from mlops.params import Prepare
from mlops.training import split

LIMITS = Prepare(test_period="month", test_share=0.25, test_rows=10_000, sample_rows=None, samples=1)
COLUMNS = {"x": column("number", "input"), "y": column("integer", "target")}
TIMELESS = Schema(task="binary", columns=COLUMNS)
TIMED = Schema(task="binary", zone="America/New_York", columns={"at": column("timestamp", "time"), **COLUMNS})


def timed(*times):
    return pd.DataFrame({"at": pd.to_datetime(list(times), utc=True), "x": 0.0, "y": np.arange(len(times)) % 2})


def timeless(n):
    return pd.DataFrame({"x": np.arange(n, dtype=float), "y": np.arange(n) % 2})


def limits(**changes):
    return msgspec.structs.replace(LIMITS, **changes)


@pytest.mark.parametrize(("zone", "test"), [("America/New_York", [0, 0, 0, 1]), ("UTC", [0, 0, 1, 1])])
def test_the_newest_month_by_the_local_calendar_is_the_test(zone, test):
    rows = timed("2013-03-01T12:00", "2013-04-30T12:00", "2013-05-01T02:00", "2013-05-01T06:00")
    schema = msgspec.structs.replace(TIMED, zone=zone)
    assert split.is_test(rows, schema, LIMITS).tolist() == [bool(n) for n in test]


@pytest.mark.parametrize(
    ("period", "test"),
    [
        ("day", [0, 0, 0, 0, 0, 1]),
        ("week", [0, 0, 0, 0, 1, 1]),
        ("quarter", [0, 0, 0, 1, 1, 1]),
        ("year", [0, 0, 1, 1, 1, 1]),
    ],
)
def test_the_length_of_the_test_period_is_a_setting(period, test):
    days = ("2012-12-30", "2012-12-31", "2013-03-31", "2013-04-01", "2013-05-28", "2013-05-29")
    rows = timed(*(f"{day}T18:00" for day in days))
    assert split.is_test(rows, TIMED, limits(test_period=period)).tolist() == [bool(n) for n in test]


def test_without_a_time_a_stable_share_of_rows_is_the_test():
    rows = timeless(4000)
    test = split.is_test(rows, TIMELESS, LIMITS)
    assert test.mean() == pytest.approx(0.25, abs=0.03)
    assert split.is_test(rows[:2000], TIMELESS, LIMITS).tolist() == test[:2000].tolist()


@pytest.mark.parametrize(("schema", "key"), [(TIMED, "prepare.test_period"), (TIMELESS, "prepare.test_share")])
def test_a_split_that_leaves_one_side_empty_is_refused_with_the_key_to_change(schema, key):
    rows = timed("2013-05-01T12:00", "2013-05-02T12:00")
    with pytest.raises(
        BadInput, match=f"leaves . rows to train and . to test; add data, or change {key} in params.yaml"
    ):
        split.is_test(rows if schema.time else rows[["x", "y"]], schema, limits(test_share=0.001))


def test_a_target_that_is_constant_in_training_is_refused():
    rows = timed("2013-04-01T12:00", "2013-04-02T12:00", "2013-05-01T12:00", "2013-05-02T12:00").assign(y=[7, 7, 7, 8])
    with pytest.raises(BadInput, match=r"column 'y', the target, has one value only in the 2 training rows \(.*7.*\)"):
        split.is_test(rows, TIMED, LIMITS)


def test_every_row_is_in_training_or_test_and_marked_where_nothing_is_sampled():
    train, test = split.split(timeless(400), TIMELESS, LIMITS)
    assert sorted([*train["x"], *test["x"]]) == list(range(400))
    assert (train["sample 0"].all(), train.attrs["sample"]) == (True, {"of": len(train), "halvings": 0})


def test_samples_differ_and_rows_in_none_of_them_are_left_out():
    train, test = split.split(timeless(4000), TIMELESS, limits(samples=3, sample_rows=800))
    marks = train[["sample 0", "sample 1", "sample 2"]]
    assert train.attrs["sample"] == {"of": 4000 - len(test), "halvings": 2}
    assert marks.any(axis=1).all()
    assert marks.corr().to_numpy()[np.triu_indices(3, 1)].max() < 0  # a row in no sample is gone: hence below zero


def test_a_sample_keeps_its_rows_when_rows_are_appended_or_shuffled():
    settings = limits(samples=2, sample_rows=10**6)
    few, many = timeless(2000), timeless(3000).sample(frac=1, random_state=0)
    small, large = (split.split(rows, TIMELESS, settings)[0] for rows in (few, many))
    assert set(small.loc[small["sample 1"], "x"]) == set(large.loc[large["sample 1"] & (large["x"] < 2000), "x"])


def test_a_large_test_is_capped_by_hash():
    test = split.split(timeless(4000), TIMELESS, limits(test_rows=600))[1]
    assert set(test["x"]) < set(split.split(timeless(4000), TIMELESS, LIMITS)[1]["x"])
    assert len(test) == pytest.approx(500, rel=0.1)
