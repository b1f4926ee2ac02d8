"""Models that a stranger made: they answer as they would here, or it is said why not."""

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops import confined, graphs
from mlops.artifact import Model
from mlops.contract import BadInput, Schema, column
from mlops.training import export, fit

SCHEMA = Schema(
    task="binary",
    columns={"x": column("number", "input"), "name": column("text", "input"), "y": column("integer", "target")},
)
ROWS = pd.DataFrame({"x": np.linspace(-1, 1, 60), "name": ["JFK", "é", None] * 20, "y": [0, 1, 1, 0] * 15})
FLOAT = TensorProto.FLOAT
SMALL = confined.Limits(memory=2 * confined.GIGABYTE)


def trained() -> tuple[bytes, Model]:
    encoded = make_column_transformer((StandardScaler(), ["x"]), (OneHotEncoder(handle_unknown="ignore"), ["name"]))
    graph, classes = fit.fit(lambda _: make_pipeline(encoded, LogisticRegression()), ROWS, SCHEMA, 0)
    return graph, Model(graph, export.bare(SCHEMA, classes))


def graph_of(*nodes, initializers=(), inputs=None):
    """A graph from `x` (and `name`) to `prediction`, as a stranger may write it."""
    made = helper.make_graph(
        list(nodes), "stranger",
        inputs or [helper.make_tensor_value_info("x", FLOAT, [None, 1]),
                   helper.make_tensor_value_info("name", TensorProto.STRING, [None, 1])],
        [helper.make_tensor_value_info("prediction", FLOAT, [None, None])], list(initializers),
    )  # fmt: skip
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)])


def said(content: bytes, limits: confined.Limits = SMALL) -> str:
    """Why the model of these bytes isn't loaded, or doesn't answer."""
    info = export.bare(SCHEMA, [0, 1])
    with pytest.raises(BadInput) as refused, confined.models([content], info, "head", limits) as (model,):
        model.predict(ROWS)
    return str(refused.value)


def test_it_answers_as_it_does_here() -> None:
    graph, here = trained()
    with confined.models([graph, graph], here.info, "head", SMALL) as made:
        for model in made:
            assert np.array_equal(model.predict(ROWS), here.predict(ROWS))


def external():
    tensor = numpy_helper.from_array(np.ones((1, 1), np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return graph_of(helper.make_node("MatMul", ["x", "w"], ["prediction"]), initializers=[tensor])


def endless():
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["again"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("again", TensorProto.BOOL, [])],
    )  # fmt: skip
    true = numpy_helper.from_array(np.array(True), "true")
    return graph_of(
        helper.make_node("Loop", ["", "true"], [], body=body),
        helper.make_node("Identity", ["x"], ["prediction"]),
        initializers=[true],
    )


def claiming():
    tensor = helper.make_tensor("w", FLOAT, [1, 1], [1.0])
    tensor.dims[1] = 1 << 29
    return graph_of(helper.make_node("MatMul", ["x", "w"], ["prediction"]), initializers=[tensor])


def foreign():
    return graph_of(helper.make_node("Anything", ["x"], ["prediction"], domain="evil.example"))


def greedy():
    """Every operator is allowed, and together they want 40 GB."""
    many = numpy_helper.from_array(np.array([1, 10_000_000_000], np.int64), "many")
    return graph_of(helper.make_node("Expand", ["x", "many"], ["prediction"]), initializers=[many])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (external, "head: its tensor 'w' lies in another file"),
        (endless, "head: it has the operator ai.onnx.Loop, which isn't allowed"),
        (claiming, "head: its tensor 'w' claims 536,870,912 values and has 1"),
        (foreign, "head: it has the operator evil.example.Anything, which isn't allowed"),
        (greedy, "head: "),
    ],
)
def test_a_hostile_model_is_refused_with_the_reason(make, why: str) -> None:
    assert said(make().SerializeToString()).startswith(why)


@pytest.mark.parametrize("content", [b"", b"no ONNX", b"\xff" * 999])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    assert said(content).startswith("head: ")


def test_an_answer_that_takes_too_long_is_the_end_of_it() -> None:
    graph, _ = trained()
    assert "took too much memory or time" in said(graph, confined.Limits(clock=0.001))


def test_an_operator_inside_another_is_seen_too() -> None:
    inner = helper.make_graph(
        [helper.make_node("Loop", [], ["y"])], "inner", [], [helper.make_tensor_value_info("y", FLOAT, [1])]
    )
    made = graph_of(helper.make_node("Where", ["x"], ["prediction"], hidden=inner))
    with pytest.raises(BadInput, match=r"operator ai\.onnx\.Loop"):
        graphs.check(made.SerializeToString())
