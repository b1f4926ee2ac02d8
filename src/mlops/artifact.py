"""A trained model as it travels: model.onnx maps raw columns to predictions, model.json says the rest.

Loading one can't run code. Needs numpy and onnxruntime only, as the service loads it, too.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mlops.contract import BadInput, ModelInfo, Schema, decode

Predictions = NDArray[np.float64]
TOLERANCE = 1e-5
NOWHERE = "/nonexistent"


class Rows(Protocol):
    """Columns by name: a DataFrame, or a mapping to sequences."""

    def __getitem__(self, name: str, /) -> Any: ...


class Predictor(Protocol):
    """A model here, or one of a stranger's in a process of its own."""

    @property
    def info(self) -> ModelInfo: ...
    def predict(self, rows: Rows) -> Predictions: ...


def feeds(rows: Rows, schema: Schema) -> dict[str, NDArray[Any]]:
    """The tensors of a model, each (n, 1): float32 for numbers, missing as NaN; str for text, missing as ""."""
    return {name: tensor(rows[name], schema.columns[name].type) for name in schema.inputs}


def tensor(values: Any, type: str) -> NDArray[Any]:
    """One column as the model sees it, at training as in production."""
    if type != "text":
        return np.asarray(values, dtype=np.float32).reshape(-1, 1)
    texts = np.asarray(values, dtype=object)
    missing = (texts != texts) | np.equal(texts, np.array(None))  # NaN is the one value that differs from itself
    return np.where(missing, "", texts).reshape(-1, 1)


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """Load a graph to run on one thread; tensors that it says lie in another file aren't there."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NOWHERE)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class Model:
    """A loaded model.

    Parameters
    ----------
    graph
        The bytes of model.onnx.
    info
        The content of model.json.
    """

    def __init__(self, graph: bytes, info: ModelInfo) -> None:
        self.info = info
        self._session = session(graph)

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Read `folder`/model.onnx and `folder`/model.json.

        Raises
        ------
        BadInput
            A file is missing or isn't what its name says.
        """
        try:
            return cls((folder / "model.onnx").read_bytes(), read_info(folder))
        except FileNotFoundError as error:
            raise BadInput(f"{error.filename}: no such file; run `dvc repro` or `dvc pull`") from None
        except Exception as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{folder / 'model.onnx'}: not a model that onnxruntime can load: {error}") from None

    def predict(self, rows: Rows) -> Predictions:
        """Class probabilities, shape (n, n_classes), or predicted values, shape (n, 1), for raw rows."""
        return self.run(feeds(rows, self.info.schema))

    def run(self, tensors: dict[str, NDArray[Any]]) -> Predictions:
        """The same for rows that `feeds`, or whoever makes the same of them, has made ready."""
        output = self._session.run(None, tensors)[0]
        return np.asarray(output, dtype=np.float64).reshape(len(output), -1)


def check_golden(model: Predictor, place: str) -> None:
    """Predict the golden rows of model.json.

    Raises
    ------
    BadInput
        It predicts something else than it did when it was trained: more than 1e-5 off, of a probability or of the
        largest golden prediction.
    """
    wanted = np.asarray(model.info.golden.predictions)
    got = model.predict(model.info.golden.rows)
    scale = max(1.0, float(np.abs(wanted).max()))
    if got.shape != wanted.shape or not bool((np.abs(got - wanted) <= TOLERANCE * scale).all()):
        raise BadInput(f"{place}: doesn't reproduce the golden rows of model.json, so it stays unused")


def read_info(folder: Path) -> ModelInfo:
    """The content of `folder`/model.json."""
    return decode(ModelInfo, (folder / "model.json").read_bytes(), str(folder / "model.json"))
