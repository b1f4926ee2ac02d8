import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from mlops.contract import BadInput, Golden, ModelInfo, Profile, Schema, column
from mlops.judging import metrics

REFERENCES = {
    "binary": {
        "log_loss": lambda y, p, w=None: reference.log_loss(y, p, sample_weight=w),
        "roc_auc": lambda y, p, w=None: reference.roc_auc_score(y, p[:, 1], sample_weight=w),
        "average_precision": lambda y, p, w=None: reference.average_precision_score(y, p[:, 1], sample_weight=w),
        "brier": lambda y, p, w=None: reference.brier_score_loss(y, p[:, 1], sample_weight=w),
    },
    "multiclass": {
        "log_loss": lambda y, p, w=None: reference.log_loss(y, p, sample_weight=w),
        "accuracy": lambda y, p, w=None: reference.accuracy_score(y, p.argmax(1), sample_weight=w),
        "macro_f1": lambda y, p, w=None: reference.f1_score(y, p.argmax(1), average="macro", sample_weight=w),
    },
    "regression": {
        "squared_error": lambda y, p, w=None: reference.mean_squared_error(y, p[:, 0], sample_weight=w),
        "rmse": lambda y, p, w=None: reference.root_mean_squared_error(y, p[:, 0], sample_weight=w),
        "mae": lambda y, p, w=None: reference.mean_absolute_error(y, p[:, 0], sample_weight=w),
        "r2": lambda y, p, w=None: reference.r2_score(y, p[:, 0], sample_weight=w),
    },
}
CASES = [(task, name) for task, known in REFERENCES.items() for name in known]


def example(task, n, seed=0):
    """Targets, and predictions that know something of them; scores have ties."""
    random = np.random.default_rng(seed)
    if task == "regression":
        target = random.normal(5, 3, n)
        return target, (target + random.normal(size=n)).reshape(-1, 1)
    classes = 2 if task == "binary" else 4
    target = random.integers(classes, size=n)
    scores = np.exp(np.round(random.normal(size=(n, classes)) + np.eye(classes)[target], 1))
    scores[:, 0] = 1
    return target, scores / scores.sum(axis=1, keepdims=True)


def metric(task, name):
    return next(found for found in metrics.by_task(task) if found.name == name)


@pytest.mark.parametrize(("task", "name"), CASES)
def test_a_metric_is_what_scikit_learn_computes(task, name):
    target, predicted = example(task, 400)
    sums = metric(task, name).sums(target, predicted, np.arange(400) % 7, 7)
    assert metric(task, name).value(sums.sum(axis=0)) == pytest.approx(REFERENCES[task][name](target, predicted))


@pytest.mark.parametrize(("task", "name"), CASES)
def test_weighing_blocks_equals_repeating_their_rows(task, name):
    target, predicted = example(task, 300)
    block, drawn = np.arange(300) // 20, np.random.default_rng(1).integers(0, 4, 15)
    resampled = metric(task, name).value(drawn @ metric(task, name).sums(target, predicted, block, 15))
    assert resampled == pytest.approx(REFERENCES[task][name](target, predicted, drawn[block]))


@pytest.mark.parametrize(("name", "most"), [("roc_auc", 5e-4), ("average_precision", 5e-3)])
def test_grouping_many_scores_in_quantiles_costs_little(name, most):
    random = np.random.default_rng(0)
    target = (random.random(20_000) < 0.2).astype(int)
    score = 1 / (1 + np.exp(-random.normal(size=20_000) - target))
    predicted = np.column_stack([1 - score, score])
    found = metric("binary", name).value(metric("binary", name).sums(target, predicted, 0 * target, 1)[0])
    assert 0 < abs(found - REFERENCES["binary"][name](target, predicted)) < most


@pytest.mark.parametrize(
    ("target", "score", "error"), [([0, 0, 0, 1], 0.25, 0.0), ([0, 0, 0, 0], 0.25, 0.25), ([1, 1, 1, 1], 0.25, 0.75)]
)
def test_the_calibration_error_is_how_far_outcomes_lie_from_predictions(target, score, error):
    found = metric("binary", "calibration_error")
    sums = found.sums(np.array(target), np.tile([1 - score, score], (4, 1)), np.zeros(4, dtype=int), 1)
    assert found.value(sums[0]) == pytest.approx(error)


def test_with_many_classes_calibration_is_that_of_the_predicted_one():
    found = metric("multiclass", "calibration_error")
    sums = found.sums(np.array([0, 1]), np.tile([0.5, 0.3, 0.2], (2, 1)), np.zeros(2, dtype=int), 1)
    assert found.value(sums[0]) == pytest.approx(0.0)  # half of the rows are class 0, as predicted


@pytest.mark.parametrize(("shift", "bias"), [(0.0, 0.0), (2.0, 1.0), (-2.0, 1.0)])
def test_a_regressions_bias_is_its_mean_error_in_standard_deviations(shift, bias):
    target = np.array([-2.0, 2.0])
    found = metric("regression", "bias")
    sums = found.sums(target, (target + shift).reshape(-1, 1), np.zeros(2, dtype=int), 1)
    assert found.value(sums[0]) == pytest.approx(bias)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_first_metric_is_the_mean_of_the_losses_of_rows(task):
    target, predicted = example(task, 50)
    first = metrics.by_task(task)[0]
    sums = first.sums(target, predicted, np.zeros(50, dtype=int), 1)
    assert first.lower_is_better
    assert first.value(sums[0]) == pytest.approx(metrics.loss(task, target, predicted).mean())


SCHEMA = Schema(task="binary", columns={"x": column("number", "input"), "y": column("text", "target")})
INFO = ModelInfo(
    format=1, task="binary", classes=["late", "on time"], schema=SCHEMA, seed=0, settings={}, rows=0, data={},
    libraries={}, golden=Golden(rows={}, predictions=[]), profile=Profile(rows=0, columns={}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("task", "classes", "values", "wanted"),
    [
        ("binary", ["late", "on time"], ["on time", "late"], [1, 0]),
        ("multiclass", [1, 2, 3], [3.0, 1.0], [2, 0]),
        ("regression", [], [2.5, -1.0], [2.5, -1.0]),
    ],
)
def test_a_target_is_the_index_of_its_class_or_a_value(task, classes, values, wanted):
    info = msgspec.structs.replace(INFO, task=task, classes=classes)
    assert metrics.encoded(pd.DataFrame({"y": values}), info).tolist() == wanted


def test_a_class_that_the_model_does_not_know_is_named_and_counted():
    with pytest.raises(BadInput, match=r"column 'y': 2 test rows have the class 'diverted', which no training row has"):
        metrics.encoded(pd.DataFrame({"y": ["late", "diverted", "diverted"]}), INFO)
