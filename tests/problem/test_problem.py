"""Your problem, whatever it is: rows made from the schema pass its rules, train the model, and are answered.

Add tests of your own beside these: what the model must say of a row that you know.
"""

import numpy as np
import pandas as pd
import pytest

from mlops import params
from mlops.artifact import Model
from mlops.contract import Schema
from mlops.training import fit, rules
from problem import model
from problem.schema import SCHEMA
from tests.conftest import ROOT

ROWS = 200
BOUNDED = [name for name in SCHEMA.columns if name not in SCHEMA.having("ignored") and SCHEMA.columns[name].high]


def values(name: str, schema: Schema, random: np.random.Generator) -> object:
    """Some values that a column may hold."""
    column = schema.columns[name]
    low, high = (0.0 if column.low is None else column.low), (1.0 if column.high is None else column.high)
    match column.type:
        case "timestamp":
            return pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC")
        case "text":
            return random.choice(column.categories or ("one", "two", "three"), ROWS)
        case "boolean":
            return random.integers(2, size=ROWS).astype(float)
        case "integer":
            return random.integers(int(low), int(max(high, low + 1)) + 1, size=ROWS).astype(float)
        case _:
            return random.uniform(low, max(high, low), ROWS)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame({name: values(name, SCHEMA, random) for name in SCHEMA.columns})


@pytest.fixture(scope="module")
def trained(rows: pd.DataFrame) -> Model:
    graph, classes = fit.fit(build, rows, SCHEMA, 0)
    return Model(graph, fit.describe(graph, classes, rows, SCHEMA, 0, {}))


def build(seed: int) -> object:
    settings = params.convert(params.load(ROOT).train.model, model.Settings, "params.yaml: train.model")
    return model.build(settings, SCHEMA, seed)


def test_rows_that_fit_the_schema_break_no_rule(rows: pd.DataFrame) -> None:
    broken = [violation for violation in rules.violations(rows, SCHEMA) if violation.column != rules.WHOLE_ROW]
    assert broken == []


@pytest.mark.parametrize("name", BOUNDED)
def test_value_beyond_the_range_is_found(name: str, rows: pd.DataFrame) -> None:
    beyond = rows.assign(**{name: rows[name].where(rows.index > 0, SCHEMA.columns[name].high + 1)})
    found = [violation for violation in rules.violations(beyond, SCHEMA) if violation.column == name]
    assert [int(violation.mask.sum()) for violation in found] == [1]


def test_the_model_answers_every_row_that_it_was_trained_on(rows: pd.DataFrame, trained: Model) -> None:
    predicted = trained.predict(rows)
    assert predicted.shape == (ROWS, max(1, len(trained.info.classes)))
    assert np.isfinite(predicted).all()
    if SCHEMA.task != "regression":
        assert np.allclose(predicted.sum(axis=1), 1, atol=1e-4)


def test_the_model_answers_rows_with_gaps_and_new_words_where_the_schema_lets_them_be(
    rows: pd.DataFrame, trained: Model
) -> None:
    inputs = {name: SCHEMA.columns[name] for name in SCHEMA.inputs}
    gaps = {name: None if column.type == "text" else np.nan for name, column in inputs.items() if column.missing}
    words = {name: "never seen" for name, column in inputs.items() if column.type == "text" and not column.categories}
    assert np.isfinite(trained.predict(rows.assign(**gaps))).all()
    assert np.isfinite(trained.predict(rows.assign(**words))).all()


def test_training_again_gives_the_same_bytes(rows: pd.DataFrame) -> None:
    assert fit.fit(build, rows, SCHEMA, 0)[0] == fit.fit(build, rows, SCHEMA, 0)[0]


def test_the_data_card_names_every_column() -> None:
    card = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    assert [name for name in SCHEMA.columns if f"| `{name}` |" not in card] == []
