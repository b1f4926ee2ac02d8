import numpy as np
import pandas as pd

from mlops.contract import Schema, Summary, column
from mlops.training import profile

SCHEMA = Schema(
    task="regression",
    columns={
        "at": column("timestamp", "time"),
        "carrier": column("text", "input"),
        "x": column("number", "input"),
        "y": column("number", "target"),
    },
)


def test_a_number_is_summarised_by_moments_and_quantiles_of_what_is_there():
    found = profile.describe(pd.DataFrame({"x": [0.0, 10.0, np.nan, 20.0]}), SCHEMA)
    assert found.rows == 4
    assert found.columns["x"] == Summary(missing=1, mean=10, std=8.16497, quantiles=[float(n) for n in range(21)])


def test_a_text_is_summarised_by_its_most_frequent_values():
    values = ["often"] * 3 + [f"{number:03}" for number in range(250)] + [None]
    found = profile.describe(pd.DataFrame({"carrier": values}), SCHEMA).columns["carrier"]
    assert (found.missing, found.other, len(found.counts)) == (1, 51, 200)
    assert list(found.counts.items())[:2] == [("often", 3), ("000", 1)]


def test_a_column_without_values_has_no_moments():
    found = profile.describe(pd.DataFrame({"x": [np.nan, np.nan]}), SCHEMA)
    assert found.columns == {"x": Summary(missing=2)}


def test_timestamps_and_columns_outside_the_schema_are_left_out():
    rows = pd.DataFrame({"at": pd.to_datetime(["2013-01-01"], utc=True), "y": [1.0], "file": ["a"]})
    assert list(profile.describe(rows, SCHEMA).columns) == ["y"]


def test_the_order_of_rows_does_not_matter():
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"x": random.normal(size=999), "carrier": random.choice(list("abc"), 999)})
    assert profile.describe(rows, SCHEMA) == profile.describe(rows[::-1], SCHEMA)
