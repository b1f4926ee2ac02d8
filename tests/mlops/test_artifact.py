import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops.artifact import Model, tensor
from mlops.contract import BadInput, Schema, column, save
from mlops.training import fit

SCHEMA = Schema(
    task="binary",
    columns={"c": column("text", "input"), "x": column("number", "input"), "y": column("integer", "target")},
)
ROWS = pd.DataFrame({"c": list("abab"), "x": [1.0, 2.0, 3.0, 4.0], "y": [0, 0, 1, 1]})


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    def build(_seed):
        return make_pipeline(
            make_column_transformer((OneHotEncoder(), ["c"]), ("passthrough", ["x"])), LogisticRegression()
        )

    folder = tmp_path_factory.mktemp("artifact")
    graph, classes = fit.fit(build, ROWS, SCHEMA, 0)
    save(folder / "model.onnx", graph)
    save(folder / "model.json", fit.describe(graph, classes, ROWS, SCHEMA, 0, {}))
    return folder


def test_numbers_become_one_column_of_float32_and_missing_ones_nan():
    got = tensor([1, None, 2.5], "number")
    assert (got.dtype, got.shape, np.isnan(got[1, 0])) == (np.float32, (3, 1), True)


@pytest.mark.parametrize("missing", [None, np.nan, ""])
def test_a_missing_text_is_the_empty_text(missing):
    assert tensor(pd.Series(["a", missing]), "text").tolist() == [["a"], [""]]


def test_a_model_answers_a_request_as_it_answers_a_table(artifact):
    model = Model.load(artifact)
    request = {"c": ["a", "b"], "x": [1, 2]}
    assert model.predict(request).tolist() == model.predict(ROWS.iloc[:2]).tolist()


def test_predictions_are_one_probability_a_class_and_reproduce_the_golden_rows(artifact):
    model = Model.load(artifact)
    golden = model.info.golden
    assert np.allclose(model.predict(ROWS).sum(axis=1), 1, atol=1e-6)
    assert model.predict(golden.rows).tolist() == golden.predictions


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("model.onnx", None, r"model.onnx: no such file; run `dvc repro` or `dvc pull`"),
        ("model.json", None, r"model.json: no such file; run `dvc repro` or `dvc pull`"),
        ("model.onnx", b"\x08pickle", r"model.onnx: not a model that onnxruntime can load"),
        ("model.json", b"{}", r"model.json: .*missing required field `format`"),
    ],
)
def test_a_missing_or_broken_file_is_named(artifact, tmp_path, name, content, fault):
    for path in artifact.iterdir():
        save(tmp_path / path.name, path.read_bytes())
    (tmp_path / name).unlink() if content is None else save(tmp_path / name, content)
    with pytest.raises(BadInput, match=fault):
        Model.load(tmp_path)
