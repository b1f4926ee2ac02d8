import numpy as np
import pandas as pd
import pytest

from mlops import rows
from mlops.contract import Schema, column

SCHEMA = Schema(
    task="binary",
    columns={
        "time": column("timestamp", "time"),
        "carrier": column("text", "input", missing=True),
        "gust": column("number", "input", missing=True),
        "note": column("text", "ignored"),
        "late": column("integer", "target"),
    },
)
ROWS = pd.DataFrame(
    {
        "time": pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03"], utc=True),
        "carrier": ["UA", None, "AA"],
        "gust": [1.5, 2.0, np.nan],
        "note": ["a", "b", "c"],
        "late": [0, 1, 0],
    }
)


def test_a_row_keeps_its_hash_when_rows_are_shuffled_or_appended():
    shuffled = pd.concat([ROWS.iloc[[2, 0, 1]], ROWS.assign(late=1)])
    assert rows.identity(shuffled, SCHEMA)[:3].tolist() == rows.identity(ROWS, SCHEMA)[[2, 0, 1]].tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"late": [0.0, 1.0, 0.0]},
        {"time": ROWS["time"].dt.tz_convert("America/New_York").dt.as_unit("ns")},
        {"carrier": pd.Series(["UA", None, "AA"], dtype=object)},
        {"carrier": ["UA", "", "AA"]},
        {"note": "other"},
    ],
    ids=["integers as floats", "another zone and unit", "another type of text", "no text", "an ignored column"],
)
def test_how_a_value_is_stored_does_not_change_the_hash(change):
    assert rows.identity(ROWS.assign(**change), SCHEMA).tolist() == rows.identity(ROWS, SCHEMA).tolist()


@pytest.mark.parametrize(
    "change", [{"late": 1 - ROWS["late"]}, {"carrier": "B6"}, {"gust": 7.0}, {"time": ROWS.time[0]}]
)
def test_another_value_gives_another_hash(change):
    changed = rows.identity(ROWS.assign(**change), SCHEMA)
    assert (changed != rows.identity(ROWS, SCHEMA)).any()


def test_two_columns_that_swap_their_values_change_the_hash():
    pair = pd.DataFrame({"a": [1.0], "b": [2.0]})
    assert rows.hash_columns(pair, ["a", "b"]) != rows.hash_columns(pair, ["b", "a"])


def test_fractions_are_uniform_and_independent_between_salts():
    hashes = rows.hash_columns(pd.DataFrame({"n": np.arange(20_000)}), ["n"])
    drawn = np.stack([rows.fraction(hashes, salt) for salt in range(6)])
    off = np.corrcoef(drawn) - np.eye(6)
    assert np.abs(np.histogram(drawn, 10, (0, 1))[0] / drawn.size - 0.1).max() < 0.005
    assert np.abs(off).max() < 4 / np.sqrt(20_000)


def test_local_time_is_what_a_clock_on_the_wall_shows():
    shown = rows.local(pd.Series(pd.to_datetime(["2013-05-01T02:00Z"])), "America/New_York")
    assert shown.tolist() == [pd.Timestamp("2013-04-30 22:00")]
