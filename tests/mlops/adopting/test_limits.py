"""Splits that fit the table, and what is said where rows are few."""

import numpy as np
import pandas as pd
import pytest

from mlops import params
from mlops.adopting import limits
from mlops.contract import BadInput, Schema, column
from tests.conftest import ROOT

BARE = {"x": column("number", "input"), "y": column("integer", "target")}


def fitted(rows, **columns):
    schema = Schema(task="binary", columns={**BARE, **columns})
    values = limits.fit(rows, schema, params.load(ROOT))
    return values["prepare"], values["judge"]["block"], limits.remarks(rows, schema, values)


def rows(n, **more):
    return pd.DataFrame({"x": np.arange(n) * 0.7, "y": np.arange(n) % 2, **more})


@pytest.mark.parametrize(
    ("frequency", "n", "period", "block"),
    [("h", 24 * 30, "week", 1), ("D", 365, "quarter", 3), ("D", 150, "month", 3), ("MS", 60, "year", 3)],
)
def test_the_newest_period_of_about_a_fifth_is_the_test(frequency, n, period, block):
    at = pd.date_range("2026-01-01", periods=n, freq=frequency, tz="UTC")
    prepare, found, remarks = fitted(rows(n, at=at), at=column("timestamp", "time"))
    assert (prepare["test_period"], found) == (period, block)
    assert f"the newest {period}" in remarks[0]


def test_without_days_enough_to_resample_there_is_no_test():
    years = pd.to_datetime([f"{year}-01-01" for year in range(1960, 2020)], utc=True)
    with pytest.raises(BadInput, match="no newest day, week, month, quarter or year will do as the test"):
        fitted(rows(60, at=years), at=column("timestamp", "time"))


def test_many_rows_need_no_word_and_few_rows_do():
    assert len(fitted(rows(5000))[2]) == 1
    assert any("large effects only" in remark for remark in fitted(rows(400))[2])
    assert any("linear model" in remark for remark in fitted(rows(40))[2])


def test_a_class_that_is_too_rare_to_be_in_every_sample_is_named():
    with pytest.raises(BadInput, match="class 1 of 'y' is too rare to be in every sample"):
        fitted(rows(100).assign(y=[1, 1] + [0] * 98))
