import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer

from mlops.artifact import Model
from mlops.contract import BadInput, Golden, ModelInfo, Profile, Schema, column
from mlops.training import export, fit

COLUMNS = {
    "c": column("text", "input", missing=True),
    "x": column("number", "input", missing=True),
    "y": column("number", "target"),
}
RANDOM = np.random.default_rng(0)
ROWS = pd.DataFrame({"c": RANDOM.choice(["a", "é", ""], 60), "x": RANDOM.normal(size=60)})


class Doubling(TransformerMixin, BaseEstimator):
    """A step of one's own, for which skl2onnx has no converter."""

    def fit(self, x, y=None):  # noqa: ARG002 (scikit-learn's signature)
        return self

    def transform(self, x):
        return 2 * x


def pipeline(*numeric, model=None):
    """Texts one-hot; `numeric` steps on the number; a linear model unless told otherwise."""
    columns = [("texts", OneHotEncoder(handle_unknown="ignore"), ["c"]), *numeric]
    return Pipeline([("features", ColumnTransformer(columns)), ("model", model or LogisticRegression())])


def converted(estimator, task, target):
    schema = Schema(task=task, columns=COLUMNS)
    inputs = fit.frame(ROWS, schema)
    estimator.fit(inputs, target)
    return export.to_onnx(estimator, schema), inputs, schema


def loaded(graph, schema):
    info = ModelInfo(
        format=1, task=schema.task, classes=[], schema=schema, seed=0, settings={}, rows=0, data={}, libraries={},
        golden=Golden(rows={}, predictions=[]), profile=Profile(rows=0, columns={}),
    )  # fmt: skip
    return Model(graph, info)


KEEP = ("keep", "passthrough", ["x"])
CODE = np.arange(60)


@pytest.mark.parametrize(
    ("task", "estimator", "target", "outputs"),
    [
        ("binary", pipeline(KEEP), CODE % 2, 2),
        ("binary", pipeline(KEEP, model=HistGradientBoostingClassifier(max_iter=3)), CODE % 2, 2),
        ("binary", pipeline(KEEP), np.where(CODE % 2, "late", "on time"), 2),
        ("multiclass", pipeline(KEEP), CODE % 3, 3),
        ("multiclass", pipeline(KEEP, model=HistGradientBoostingClassifier(max_iter=3)), CODE % 3, 3),
        ("regression", pipeline(KEEP, model=LinearRegression()), ROWS["x"] * 3 + CODE, 1),
        ("regression", pipeline(KEEP, model=HistGradientBoostingRegressor(max_iter=3)), ROWS["x"] * 3 + CODE, 1),
    ],
)
def test_a_graph_from_raw_columns_predicts_what_the_estimator_does(task, estimator, target, outputs):
    graph, inputs, schema = converted(estimator, task, target)
    wanted = estimator.predict(inputs).reshape(-1, 1) if task == "regression" else estimator.predict_proba(inputs)
    got = loaded(graph, schema).predict(ROWS)
    assert got.shape == (60, outputs)
    assert np.abs(got - wanted).max() < 1e-5 * max(1, np.std(wanted))


@pytest.mark.parametrize(
    ("numeric", "step"),
    [
        (("double", FunctionTransformer(lambda x: x * 2), ["x"]), "'features/double' (FunctionTransformer)"),
        (
            ("both", make_pipeline(SimpleImputer(), FunctionTransformer(np.abs)), ["x"]),
            "'features/both/functiontransformer' (FunctionTransformer)",
        ),
        (("mine", Doubling(), ["x"]), "'features/mine' (Doubling)"),
        (("spline", SplineTransformer(), ["x"]), "'features/spline' (SplineTransformer)"),
    ],
)
def test_a_step_that_does_not_convert_is_named_with_a_remedy(numeric, step):
    with pytest.raises(BadInput) as refused:
        converted(pipeline(KEEP, ("same", FunctionTransformer(), ["x"]), numeric), "binary", CODE % 2)
    assert str(refused.value).startswith(f"src/problem: step {step} doesn't convert to ONNX (")
    assert "; replace it, see https://onnx.ai/sklearn-onnx/supported.html" in str(refused.value)


def test_the_graph_carries_nothing_that_differs_between_conversions():
    graph, other = (converted(pipeline(KEEP), "binary", CODE % 2)[0] for _ in range(2))
    assert graph == other
    assert [output.name for output in onnx.load_from_string(graph).graph.output] == ["prediction"]


def test_a_conversion_that_loses_precision_is_refused():
    target = 1e9 + ROWS["x"].to_numpy()  # float32 has steps of 64 there
    model = pipeline(KEEP, model=HistGradientBoostingRegressor(max_iter=3))
    graph, inputs, schema = converted(model, "regression", target)
    with pytest.raises(BadInput, match=r"differ on \d+ of 60 training rows, by up to .* \(allowed: 1e-05\); a step of"):
        export.check(graph, model, inputs, target, schema)


FINE = {"max_iter": 2, "min_samples_leaf": 1}
BOOSTED = HistGradientBoostingClassifier(**FINE)


@pytest.mark.parametrize(
    ("task", "estimator"),
    [
        ("binary", BOOSTED),
        ("multiclass", BOOSTED),
        ("regression", HistGradientBoostingRegressor(**FINE)),
        ("binary", VotingClassifier([("a", BOOSTED)], voting="soft", flatten_transform=False)),
        ("binary", RandomForestClassifier(5)),
        ("regression", RandomForestRegressor(5)),
    ],
)
def test_trees_split_between_numbers_that_float32_can_just_tell_apart(task, estimator):
    """Half of the thresholds, in float64, lie nearest to the upper of two such neighbours."""
    schema = Schema(task=task, columns={name: COLUMNS[name] for name in ("x", "y")})
    inputs = pd.DataFrame({"x": np.float32(1) + CODE.astype(np.float32) * np.spacing(np.float32(1))})
    target = RANDOM.normal(size=60) if task == "regression" else CODE % (2 if task == "binary" else 3)
    graph = export.to_onnx(estimator.fit(inputs, target), schema)
    export.check(graph, estimator, inputs, target, schema)


@pytest.mark.parametrize("value", [0.5, -0.5, 0.1, -0.1, 0.3, 1e-50, -1e-50, 1e300, -1e300, np.inf, 0.0])
def test_a_threshold_becomes_the_largest_float32_that_is_not_above_it(value):
    (low,) = export._below(np.array([value]))
    assert low.dtype == np.float32
    assert float(low) <= value
    with np.errstate(over="ignore"):
        assert float(np.nextafter(low, np.float32(np.inf))) > value or value == np.inf


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_a_faithful_conversion_passes_in_any_unit_of_the_target(unit):
    target = unit * ROWS["x"].to_numpy()
    model = pipeline(KEEP, model=LinearRegression())
    graph, inputs, schema = converted(model, "regression", target)
    export.check(graph, model, inputs, target, schema)


def test_the_graph_of_another_model_is_refused():
    graph, inputs, schema = converted(pipeline(KEEP), "binary", CODE % 2)
    other = pipeline(KEEP).fit(inputs, 1 - CODE % 2)
    with pytest.raises(BadInput, match=r"model.onnx and the scikit-learn model differ on"):
        export.check(graph, other, inputs, CODE % 2, schema)


def test_a_graph_that_answers_with_no_number_is_refused():
    schema = Schema(task="regression", columns={name: COLUMNS[name] for name in ("x", "y")})
    inputs = pd.DataFrame({"x": np.array([1, 2, np.nan], dtype=np.float32)})
    graph = export.to_onnx(LinearRegression().fit(inputs[:2], [1, 2]), schema)
    imputing = make_pipeline(SimpleImputer(), LinearRegression()).fit(inputs, [1, 2, 1.5])
    with pytest.raises(BadInput, match="differ on 1 of 3 training rows, by up to nan"):
        export.check(graph, imputing, inputs, np.array([1, 2, 1.5]), schema)
