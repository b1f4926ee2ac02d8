import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlops.artifact import Model
from mlops.contract import ModelInfo, Schema, column, decode, encode
from mlops.training import fit

COLUMNS = {
    "c": column("text", "input", missing=True),
    "x": column("number", "input", missing=True),
    "y": column("integer", "target"),
}
SCHEMA = Schema(task="binary", columns=COLUMNS)
RANDOM = np.random.default_rng(0)
ROWS = pd.DataFrame({"c": RANDOM.choice(["a", "b", None], 50), "x": RANDOM.normal(size=50), "y": np.arange(50) % 2})


def forest(seed):
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    features = make_column_transformer((encoder, ["c"]), ("passthrough", ["x"]))
    return make_pipeline(features, RandomForestClassifier(3, random_state=seed))


def test_the_same_rows_and_seed_give_the_same_bytes():
    assert fit.fit(forest, ROWS, SCHEMA, 7) == fit.fit(forest, ROWS.copy(), SCHEMA, 7)


@pytest.mark.parametrize("other", [lambda _seed: forest(None), lambda seed: forest(seed + 1)], ids=["unset", "other"])
def test_another_seed_or_none_gives_other_bytes(other):
    assert fit.fit(forest, ROWS, SCHEMA, 7)[0] != fit.fit(other, ROWS, SCHEMA, 7)[0]


@pytest.mark.parametrize(
    ("task", "type", "target", "classes"),
    [
        ("binary", "integer", [1.0, 0.0] * 25, [0, 1]),
        ("binary", "text", ["on time", "late"] * 25, ["late", "on time"]),
        ("multiclass", "integer", [*range(5)] * 10, [0, 1, 2, 3, 4]),
    ],
)
def test_classes_come_in_the_order_of_the_probabilities(task, type, target, classes):
    schema = Schema(task=task, columns=COLUMNS | {"y": column(type, "target")})
    graph, found = fit.fit(forest, ROWS.assign(y=target), schema, 0)
    info = fit.describe(graph, found, ROWS.assign(y=target), schema, 0, {})
    assert (found, len(info.golden.predictions[0])) == (classes, len(classes))


def test_a_regression_has_no_classes_and_one_value_a_row():
    schema = Schema(task="regression", columns={"x": COLUMNS["x"], "y": column("number", "target")})
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [1.0, 3.0, 5.0]})
    graph, classes = fit.fit(lambda _seed: LinearRegression(), rows, schema, 0)
    golden = fit.describe(graph, classes, rows, schema, 0, {}).golden
    assert (classes, np.round(golden.predictions, 5).tolist()) == ([], [[1.0], [3.0], [5.0]])


def test_the_samples_that_a_split_marked_come_back_without_marks():
    rows = pd.DataFrame({"x": [1.0, 2.0, 3.0], "sample 0": [True, False, True], "sample 1": [False, True, True]})
    assert [list(part["x"]) for part in fit.samples(rows)] == [[1, 3], [2, 3]]
    assert all(list(part) == ["x"] for part in fit.samples(rows))


def test_the_description_says_what_a_user_of_the_model_must_know():
    rows = ROWS.copy()
    rows.attrs["data"] = {"a.parquet": "0" * 32}
    graph, classes = fit.fit(forest, rows, SCHEMA, 3)
    info = fit.describe(graph, classes, rows, SCHEMA, 3, {"trees": 3})
    assert (info.rows, info.seed, info.settings, info.data) == (50, 3, {"trees": 3}, rows.attrs["data"])
    assert info.profile.columns["c"].missing == int(rows["c"].isna().sum())
    assert "scikit-learn" in info.libraries


def test_model_json_survives_a_round_trip_and_its_golden_rows_reproduce():
    graph, classes = fit.fit(forest, ROWS, SCHEMA, 0)
    info = decode(ModelInfo, encode(fit.describe(graph, classes, ROWS, SCHEMA, 0, {})), "model.json")
    assert len(info.golden.predictions) == 20
    assert Model(graph, info).predict(info.golden.rows).tolist() == info.golden.predictions
