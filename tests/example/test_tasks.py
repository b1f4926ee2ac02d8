"""The same steps carry another problem that a person brings by hand: several classes, in time, from Parquet."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine

from tests.adopted import linear
from tests.conftest import Project

SCHEMA = """from mlops.contract import Schema, column

SCHEMA = Schema(
    task="multiclass",
    columns={{name: column("number", "input") for name in {numbers!r}}}
    | {{"cultivar": column("text", "target"), "day": column("timestamp", "time")}},
)
"""


@pytest.fixture
def wine(template: Path, tmp_path: Path, shared: Path) -> Project:
    project, bunch = linear(template, tmp_path, shared), load_wine(as_frame=True)
    rows = bunch.data.assign(
        cultivar=bunch.target_names[bunch.target], day=pd.date_range("2020-01-01", periods=178, tz="UTC")
    )
    rows["day"] = rows["day"].sample(frac=1, random_state=0).to_numpy()
    (project.root / "src/problem/schema.py").write_text(SCHEMA.format(numbers=list(bunch.data)))
    for name in ("data.dvc", "live.dvc"):
        (project.root / name).unlink()
    (project.root / "data").mkdir()
    rows.to_parquet(project.root / "data/wine.parquet", index=False)
    project.must("dvc", "add", "--quiet", "data")
    project.must("dvc", "repro", "--quiet")
    project.commit("another problem")
    return project


def test_multiclass_passes_through_the_same_steps(wine: Project) -> None:
    metrics = json.loads((wine.root / "artifacts/metrics.json").read_bytes())
    assert set(metrics) == {"log_loss", "accuracy", "macro_f1", "calibration_error"}
    assert metrics["accuracy"] > 0.8
    predictions = pd.read_parquet(wine.root / "artifacts/predictions.parquet")
    assert np.allclose(predictions.filter(like="probability_").sum(axis=1), 1, atol=1e-5)
    wine.edit("params.yaml", "strength: 1.0", "strength: 0.00001")
    done = wine.experiment("--base", "HEAD")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("### Worse: log loss")
