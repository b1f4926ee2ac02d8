"""A small model that takes a column of each type, and jobs that score with it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlops.contract import Schema, column, encode
from mlops.scoring.places import Place, partitions
from mlops.scoring.score import Job, Scored
from mlops.training import fit

SCHEMA = Schema(
    task="binary",
    columns={
        "at": column("timestamp", "time"),
        "code": column("text", "input"),
        "gates": column("integer", "input", low=0, high=9, missing=True),
        "open": column("boolean", "input"),
        "place": column("text", "input", categories=("JFK", "EWR"), missing=True),
        "wind, mph": column("number", "input", low=0, high=100, missing=True),
        "late": column("integer", "target"),
    },
)


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Rows as people bring them: with gaps, and texts that look like numbers."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "code": random.choice(["007", "7", "NA", "x y"], count),
            "open": random.random(count) < 0.5,
            "wind, mph": np.where(random.random(count) < 0.2, np.nan, random.uniform(0, 90, count).round(3)),
            "note": "of no interest",
            "place": pd.Series(random.choice(["JFK", "EWR", None], count), dtype="str"),
            "gates": pd.array(np.where(random.random(count) < 0.2, None, random.integers(0, 10, count)), dtype="Int64"),
        }
    )


@pytest.fixture(scope="session")
def model() -> tuple[bytes, bytes]:
    """model.onnx and model.json, whose predictions depend on every input."""

    def build(seed: int) -> object:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        numbers = [name for name in SCHEMA.inputs if SCHEMA.columns[name].type != "text"]
        features = make_column_transformer((encoder, ["code", "place"]), ("passthrough", numbers))
        return make_pipeline(features, HistGradientBoostingClassifier(max_iter=20, random_state=seed))

    known = rows(2000, seed=1).astype({"open": float, "gates": float}).drop(columns="note")
    signal = known["code"].eq("007") + known["open"] + known["place"].eq("JFK") + known["gates"].fillna(12) / 9
    known["late"] = (signal + known["wind, mph"].fillna(120) / 90 > 2).astype(int)
    known["at"] = pd.Timestamp("2013-01-01", tz="UTC")
    graph, classes = fit.fit(build, known, SCHEMA, 0)
    return graph, encode(fit.describe(graph, classes, known, SCHEMA, 0, {}))


@pytest.fixture
def job(model: tuple[bytes, bytes], tmp_path: Path) -> Job:
    """From the folder `rows` to the folder `predictions`, seven rows at a time."""
    (tmp_path / "rows").mkdir()
    return Job("v1.0.0", *model, Place.of(str(tmp_path / "rows")), Place.of(str(tmp_path / "predictions")), 7)


@pytest.fixture
def done(job: Job) -> Callable[..., dict[str, Scored]]:
    """Scores what there is; what became of each file."""

    def score(job: Job = job) -> dict[str, Scored]:
        _, parts = partitions(job.source, job.target)
        return {part.name: job.score(part) for part in parts}

    return score
