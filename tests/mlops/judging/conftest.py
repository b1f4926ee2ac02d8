import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from mlops.contract import Schema, column, save
from mlops.judging.sides import Trained
from mlops.params import Judge
from mlops.training import fit


def linear(inputs):
    return make_pipeline(make_column_transformer(("passthrough", inputs)), LogisticRegression())


@pytest.fixture
def limits():
    return Judge(
        sample_rows=1000, trainings=3, block=3, confidence=0.95, resamples=400, slice_margin=0.02, slice_rows=20,
        slice_blocks=5, calibration_margin=0.02, max_size=50, max_load=50, max_latency=50, max_memory=50, max_gain=0.5,
        max_carried=0.9,
    )  # fmt: skip


@pytest.fixture
def flights():
    """`n` rows over 30 days: `late` depends on wind and rain alike; `echo` is nearly `late` itself."""

    def make(n, seed):
        random = np.random.default_rng(seed)
        wind, rain = random.normal(size=(2, n))
        late = (random.random(n) < 1 / (1 + np.exp(-2 * wind - 2 * rain))).astype(int)
        first = "2013-05-01T16:00Z" if seed == 2 else "2013-03-01T16:00Z"  # the second seed gives the test rows
        days = pd.Timestamp(first) + pd.to_timedelta(random.integers(30, size=n), "D")
        return pd.DataFrame(
            {
                "id": seed * 1_000_000 + np.arange(n), "at": days, "origin": random.choice(["EWR", "JFK"], n),
                "wind": wind, "rain": rain, "echo": late + 0.05 * random.normal(size=n), "late": late,
            }
        )  # fmt: skip

    return make


@pytest.fixture
def schema():
    """The schema of `flights` for a model with these inputs."""

    def make(*inputs):
        numbers = {
            name: column("number", "input" if name in inputs else "ignored") for name in ("wind", "rain", "echo")
        }
        known = {
            "id": column("integer", "ignored"),
            "at": column("timestamp", "time"),
            "origin": column("text", "slice"),
        }
        return Schema(task="binary", key=("id",), columns=known | numbers | {"late": column("integer", "target")})

    return make


@pytest.fixture
def side(tmp_path):
    """A trained side in a folder of its own: one linear model a sample of `train`, as stage train writes them."""

    def make(name, train, schema, trainings=3):
        folder = tmp_path / name
        train.attrs["sample"] = {"of": 2 * len(train), "halvings": 1}
        for number in range(trainings):
            rows = train.sample(frac=0.8, random_state=number)
            graph, classes = fit.fit(lambda _seed: linear(schema.inputs), rows, schema, number)
            save(folder / (f"repeats/{number}.onnx" if number else "model.onnx"), graph)
            if number == 0:
                save(folder / "repeats/0.onnx", graph)
                save(folder / "model.json", fit.describe(graph, classes, rows, schema, 0, {}))
        save(folder / "train.parquet", train.to_parquet())
        save(folder / "profile.json", {})
        return Trained.load(folder)

    return make
