import numpy as np
import pandas as pd
import pytest

from mlops.contract import Schema, column
from mlops.training import rules


def schema(rule, duplicates="keep"):
    return Schema(task="binary", duplicates=duplicates, columns={"x": rule, "y": column("integer", "target")})


def table(*values):
    return pd.DataFrame({"x": pd.Series(values), "y": 0})


@pytest.mark.parametrize(
    ("rule", "good", "bad", "named"),
    [
        (column("number", "input", low=0), (0.0, 1e9), (-0.1, 1.0), "outside [0, ]"),
        (column("number", "input", high=9), (-1e9, 9.0), (9.1, 1.0), "outside [, 9]"),
        (column("number", "input", low=0, high=1, unit="km"), (0.0, 1.0), (2.0, 1.0), "outside [0, 1] km"),
        (column("text", "input", categories=("a", "b")), ("a", "b"), ("c", "a"), "unknown category"),
        (column("boolean", "input"), (0.0, 1.0), (2.0, 1.0), "not 0 or 1"),
        (column("number", "input"), (0.0, 1.0), (np.nan, 1.0), "missing values"),
        (column("number", "input", missing=True), (np.nan, 1.0), (np.nan, np.nan), "no value at all"),
        (column("text", "input", categories=("a",), missing=True), ("a", None), ("", "a"), "unknown category"),
    ],
)
def test_a_rule_lets_good_values_pass_and_marks_the_rows_of_bad_ones(rule, good, bad, named):
    assert rules.violations(table(*good), schema(rule)) == []
    (found,) = (row for row in rules.violations(table(*bad), schema(rule)) if row.rule != "duplicate rows")
    assert (found.column, found.rule, found.policy, found.mask[0]) == ("x", named, "error", True)
    assert found.mask[1] == (named == "no value at all")


def test_an_ignored_column_has_no_rules():
    ignored = column("number", "ignored", low=0)
    columns = {"x": ignored, "z": column("number", "input"), "y": column("integer", "target")}
    assert rules.violations(table(-1.0).assign(z=1.0), Schema(task="binary", columns=columns)) == []


def test_the_first_few_bad_values_are_shown():
    found = rules.violations(table(-1.0, -2.0, -2.0, -3.0, -4.0), schema(column("number", "input", low=0)))[0]
    assert found.values == "-1.0, -2.0, -3.0, ..."


@pytest.mark.parametrize(
    ("policy", "left"), [("drop", [1.0, 2.0]), ("keep", [1.0, -1.0, 2.0]), ("error", [1.0, -1.0, 2.0])]
)
def test_rows_outside_the_range_go_only_if_the_schema_says_drop(policy, left):
    rows = table(1.0, -1.0, 2.0)
    assert rows.loc[rules.kept(rows, schema(column("number", "input", low=0, outliers=policy))), "x"].tolist() == left


@pytest.mark.parametrize(("policy", "left"), [("drop", [1.0, 2.0]), ("keep", [1.0, 1.0, 2.0])])
def test_the_first_of_equal_rows_stays(policy, left):
    rows = table(1.0, 1.0, 2.0)
    assert rows.loc[rules.kept(rows, schema(column("number", "input"), policy)), "x"].tolist() == left


def test_rows_that_differ_in_one_column_are_no_duplicates():
    assert rules.violations(table(1.0, 1.0).assign(y=[0, 1]), schema(column("number", "input"), "error")) == []
