"""The same steps carry other problems: a regression without time, and a multiclass problem from Parquet."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from tests.conftest import Project

SCHEMA = """from mlops.contract import Schema, column

NUMBERS = {numbers!r}
SCHEMA = Schema(
    task="{task}",
    columns={{name: column("number", "input") for name in NUMBERS}} | {{"{target}": column("{type}", "target")}}{more},
)
"""
FEATURES = """from sklearn.preprocessing import StandardScaler


def build(schema):
    return StandardScaler()
"""
MODEL = """from typing import Annotated

from msgspec import Meta
from sklearn.linear_model import {estimator}
from sklearn.pipeline import Pipeline

from mlops.contract import Strict
from problem import features


class Settings(Strict, frozen=True):
    strength: Annotated[float, Meta(gt=0)]


def build(settings, schema, seed):
    return Pipeline([("features", features.build(schema)), ("model", {estimator}({keyword}=settings.strength))])
"""


def replace_problem(project: Project, **words: object) -> None:
    """What a person does who brings another problem: schema, features, model, params, data."""
    for name, text in {"schema": SCHEMA, "features": FEATURES, "model": MODEL}.items():
        filled = text if name == "features" else text.format(**words)
        (project.root / f"src/problem/{name}.py").write_text(filled)
    text = (project.root / "params.yaml").read_text()
    start, end = text.index("    algorithm:"), text.index("search:")
    (project.root / "params.yaml").write_text(f"{text[:start]}    strength: {words['strength']}\n\n{text[end:]}")
    (project.root / "data.dvc").unlink()
    (project.root / "live.dvc").unlink()


def add_data(project: Project, rows: pd.DataFrame, name: str) -> None:
    path = project.root / "data" / name
    path.parent.mkdir()
    rows.to_csv(path, index=False) if path.suffix == ".csv" else rows.to_parquet(path, index=False)
    project.must("dvc", "add", "--quiet", "data")
    project.must("dvc", "repro", "--quiet")
    project.commit("another problem")


@pytest.fixture
def diabetes(project: Project) -> Project:
    rows = load_diabetes(as_frame=True, scaled=False).frame
    numbers = [name for name in rows if name != "target"]
    replace_problem(
        project, task="regression", numbers=numbers, target="target", type="number", more="",
        estimator="Ridge", keyword="alpha", strength=1.0,
    )  # fmt: skip
    add_data(project, rows, "diabetes.csv")
    return project


@pytest.fixture
def wine(project: Project) -> Project:
    bunch = load_wine(as_frame=True)
    rows = bunch.data.assign(
        cultivar=bunch.target_names[bunch.target], day=pd.date_range("2020-01-01", periods=178, tz="UTC")
    )
    rows["day"] = rows["day"].sample(frac=1, random_state=0).to_numpy()
    more = ' | {"day": column("timestamp", "time")}'
    replace_problem(
        project, task="multiclass", numbers=list(bunch.data), target="cultivar", type="text", more=more,
        estimator="LogisticRegression", keyword="C", strength=1.0,
    )  # fmt: skip
    add_data(project, rows, "wine.parquet")
    return project


def artifact(project: Project, name: str) -> dict[str, float]:
    content: dict[str, float] = json.loads((project.root / "artifacts" / name).read_bytes())
    return content


def test_regression_passes_through_the_same_steps(diabetes: Project) -> None:
    metrics = artifact(diabetes, "metrics.json")
    assert set(metrics) == {"squared_error", "rmse", "mae", "r2", "bias"}
    assert 0.2 < metrics["r2"] < 0.8
    diabetes.edit("params.yaml", "strength: 1.0", "strength: 100000.0")
    done = diabetes.experiment("--base", "HEAD")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("### Worse: squared error")


def test_regression_with_a_harmless_change_is_accepted(diabetes: Project) -> None:
    diabetes.edit("params.yaml", "strength: 1.0", "strength: 1.1")
    done = diabetes.experiment("--base", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rows chosen by hash" in done.stdout


def test_multiclass_passes_through_the_same_steps(wine: Project) -> None:
    metrics = artifact(wine, "metrics.json")
    assert set(metrics) == {"log_loss", "accuracy", "macro_f1", "calibration_error"}
    assert metrics["accuracy"] > 0.8
    predictions = pd.read_parquet(Path(wine.root / "artifacts/predictions.parquet"))
    assert np.allclose(predictions.filter(like="probability_").sum(axis=1), 1, atol=1e-5)
    wine.edit("params.yaml", "strength: 1.0", "strength: 0.00001")
    done = wine.experiment("--base", "HEAD")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("### Worse: log loss")
