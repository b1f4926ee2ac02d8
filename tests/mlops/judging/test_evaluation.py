import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference
from sklearn.linear_model import LinearRegression

from mlops.artifact import Model
from mlops.contract import Schema, column
from mlops.judging import evaluation
from mlops.training import fit


@pytest.fixture
def model(side, flights, schema):
    return side("head", flights(300, 1), schema("wind", "rain"), trainings=1).models[0]


def test_metrics_are_those_of_scikit_learn(model, flights):
    rows = flights(200, 2)
    found, predicted = evaluation.evaluate(model, rows).metrics, model.predict(rows)
    assert found["log_loss"] == pytest.approx(reference.log_loss(rows["late"], predicted[:, 1]), rel=1e-5)
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(rows["late"], predicted[:, 1]))


def test_slices_hold_rows_and_loss_and_make_up_the_whole(model, flights):
    found = evaluation.evaluate(model, flights(200, 2))
    assert sorted(found.slices) == ["origin=EWR", "origin=JFK"]
    assert sum(part["rows"] for part in found.slices.values()) == 200
    whole = sum(part["rows"] * part["loss"] for part in found.slices.values()) / 200
    assert whole == pytest.approx(found.metrics["log_loss"])


def test_the_calibration_curve_has_no_empty_bin(model, flights):
    curve = evaluation.evaluate(model, flights(200, 2)).calibration
    assert sum(bin["rows"] for bin in curve) == 200
    assert all(bin["rows"] and 0 <= bin["predicted"] <= 1 and 0 <= bin["observed"] <= 1 for bin in curve)


def test_predictions_stand_beside_who_the_rows_are_and_what_came_true(model, flights):
    rows = flights(5, 2)
    table = evaluation.evaluate(model, rows[::-1]).predictions
    assert list(table) == ["at", "id", "origin", "late", "probability_0", "probability_1"]
    assert table["id"].tolist() == rows["id"].tolist()[::-1]
    assert np.allclose(table["probability_1"], model.predict(rows)[::-1, 1])


def test_a_regression_has_errors_and_no_calibration_curve():
    schema = Schema(task="regression", columns={"x": column("number", "input"), "y": column("number", "target")})
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [0.0, 1.0, 2.0, 4.0]})
    graph, classes = fit.fit(lambda _seed: LinearRegression(), rows, schema, 0)
    found = evaluation.evaluate(Model(graph, fit.describe(graph, classes, rows, schema, 0, {})), rows)
    assert found.metrics["mae"] == pytest.approx(0.25, abs=1e-6)
    assert (found.calibration, list(found.predictions)) == ([], ["y", "prediction"])
