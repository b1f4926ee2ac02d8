"""A fitted scikit-learn estimator as one ONNX graph from raw columns to `prediction`."""

import re
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from skl2onnx import to_onnx as convert
from skl2onnx.common._registration import get_converter, register_converter
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from mlops.artifact import Model
from mlops.contract import BadInput, Golden, ModelInfo, Profile, Schema

TOLERANCE = 1e-5
SUPPORTED = "see https://onnx.ai/sklearn-onnx/supported.html for the steps that do"
BOOSTED = ("SklearnHistGradientBoostingClassifier", "SklearnHistGradientBoostingRegressor")


def to_onnx(estimator: BaseEstimator, schema: Schema) -> bytes:
    """Convert.

    Raises
    ------
    BadInput
        Names the step that has no counterpart in ONNX.
    """
    types = [
        (name, (StringTensorType if schema.columns[name].type == "text" else FloatTensorType)([None, 1]))
        for name in schema.inputs
    ]
    options = {} if schema.task == "regression" else {"zipmap": False}
    try:
        graph = convert(estimator, initial_types=types, options=options)
    except (
        MissingConverter,
        MissingShapeCalculator,
        NotImplementedError,
        RuntimeError,
        ValueError,
        TypeError,
    ) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadInput(
            f"{_culprit(estimator, str(error))} doesn't convert to ONNX ({reason}); replace it, {SUPPORTED}"
        ) from None
    return _canonical(graph, schema.inputs).SerializeToString(deterministic=True)


def check(
    graph: bytes, estimator: BaseEstimator, inputs: pd.DataFrame, wanted: NDArray[np.generic], schema: Schema
) -> None:
    """Compare ONNX with the estimator on the training rows.

    Raises
    ------
    BadInput
        They differ by more than 1e-5 of a probability, or of the target's standard deviation.
    """
    got = Model(graph, bare(schema, [])).predict(inputs)
    if schema.task == "regression":
        expected = np.asarray(estimator.predict(inputs)).reshape(-1, 1)
        scale = float(np.std(wanted.astype(np.float64))) or 1.0
    elif hasattr(estimator, "predict_proba"):
        expected, scale = estimator.predict_proba(inputs), 1.0
    else:
        raise BadInput(f"src/problem: {type(estimator).__name__} gives no probabilities; take one with predict_proba")
    off = np.abs(got - expected).max(axis=1) / scale
    wrong = ~(off <= TOLERANCE)  # NaN is wrong, too
    if wrong.any():
        raise BadInput(
            f"model.onnx and the scikit-learn model differ on {int(wrong.sum())} of {len(off)} training "
            f"rows, by up to {off.max():.2g} (allowed: {TOLERANCE:g}); a step of src/problem doesn't convert "
            f"faithfully, often one that needs float64: rescale its input, or replace it, {SUPPORTED}"
        )


def _round_down(name: str) -> None:
    """Have skl2onnx round the thresholds of boosted trees down to float32, as it does those of all other trees.

    For values in float32 `value <= threshold` then says the same; the nearest float32 may lie above, and be a value.
    """
    known = get_converter(name)

    def converter(scope: Any, operator: Any, container: Any) -> None:
        for tree in chain.from_iterable(operator.raw_operator._predictors):
            tree.nodes["num_threshold"] = _below(tree.nodes["num_threshold"])
        known(scope, operator, container)

    register_converter(name, converter, overwrite=True, options=known.get_allowed_options())


def _below(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that isn't above each value."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
        return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)


for boosted in BOOSTED:
    _round_down(boosted)


def bare(schema: Schema, classes: list[Any]) -> ModelInfo:
    """As much of model.json as predicting takes."""
    return ModelInfo(
        format=1, task=schema.task, classes=classes, schema=schema, seed=0, settings={}, rows=0, data={}, libraries={},
        golden=Golden(rows={}, predictions=[]), profile=Profile(rows=0, columns={}),
    )  # fmt: skip


def _culprit(estimator: BaseEstimator, message: str) -> str:
    """The step of the pipeline whose class the message names, else the estimator itself.

    A FunctionTransformer without a function passes its input through, and always converts.
    """
    for path, step in _steps("", estimator):
        if re.search(rf"\b{type(step).__name__}\b", message) and getattr(step, "func", step) is not None:
            return f"src/problem: step {path} ({type(step).__name__})"
    return f"src/problem: {type(estimator).__name__}"


def _steps(path: str, estimator: BaseEstimator) -> list[tuple[str, BaseEstimator]]:
    if isinstance(estimator, Pipeline):
        inner = list(estimator.steps)
    else:
        inner = [(name, step) for name, step, *_ in getattr(estimator, "transformers_", [])]
    found = [
        pair
        for name, step in inner
        if hasattr(step, "get_params")
        for pair in _steps(f"{path}/{name}".strip("/"), step)
    ]
    return found or [(f"'{path}'", estimator)]


def _canonical(graph: ModelProto, inputs: list[str]) -> ModelProto:
    """Inputs called as the columns are, one output called `prediction`, and the same bytes for the same model."""
    renamed = {given.name: name for given, name in zip(graph.graph.input, inputs, strict=True)}  # "a/b" became "a_b"
    for given in graph.graph.input:
        given.name = renamed[given.name]
    for node in graph.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    last, output = graph.graph.output[-1].name, "prediction" + "_" * ("prediction" in inputs)
    graph.graph.node.append(helper.make_node("Identity", [last], [output], name="prediction"))
    del graph.graph.output[:]
    graph.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    graph.graph.name = "model"
    versions = sorted((opset.domain, opset.version) for opset in graph.opset_import)
    del graph.opset_import[:]  # skl2onnx lists them in the order of a set of strings, which PYTHONHASHSEED changes
    graph.opset_import.extend(helper.make_opsetid(domain, number) for domain, number in versions)
    return graph
