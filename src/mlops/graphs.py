"""What a model.onnx may hold: the operators that a converted estimator needs, and every number of its own.

A graph from a stranger could name files that aren't its own, loop without end, or claim tensors that it doesn't have.
"""

from collections.abc import Iterator
from typing import Any

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from mlops.contract import BadInput

MOST_BYTES = 500_000_000
DOMAINS = {
    "": """Abs Add And ArgMax ArgMin Cast Ceil Clip Compress Concat Constant ConstantOfShape Cos CumSum Div Dropout
        Einsum Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gemm Greater GreaterOrEqual
        HardSigmoid Identity IsInf IsNaN Less LessOrEqual Log LogSoftmax MatMul Max Mean Min Mod Mul Neg NonZero Not
        OneHot Or Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
        ReduceSum ReduceSumSquare Relu Reshape Round Scan ScatterElements ScatterND Shape Sigmoid Sign Sin Size Slice
        Softmax Softplus Split Sqrt Squeeze StringNormalizer Sub Sum Tanh TfIdfVectorizer Tile TopK Transpose
        Unique Unsqueeze Where Xor""",
    "ai.onnx.ml": """ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer Imputer
        LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler
        TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor ZipMap""",
    "com.microsoft": "Tokenizer",
}  # fmt: skip
ALLOWED = {(domain, name) for domain, names in DOMAINS.items() for name in names.split()}


def check(content: bytes) -> None:
    """Refuse what no converted estimator needs.

    Raises
    ------
    BadInput
        Says what it holds that it may not.
    """
    if len(content) > MOST_BYTES:
        raise BadInput(f"it has {len(content):,} bytes; {MOST_BYTES:,} are allowed")
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:
        raise BadInput(f"it is no ONNX file: {error}") from None
    if model.functions or model.training_info:
        raise BadInput("it brings functions or a training of its own, which no converted estimator needs")
    for node in _nodes(model.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (domain, node.op_type) not in ALLOWED:
            raise BadInput(f"it has the operator {node.domain or 'ai.onnx'}.{node.op_type}, which isn't allowed")
    for tensor in _tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise BadInput(f"its tensor '{tensor.name}' lies in another file")
        _complete(tensor)


def _complete(tensor: TensorProto) -> None:
    """A tensor holds as many numbers as it claims."""
    claimed = 1
    for dimension in tensor.dims:
        claimed *= dimension
    try:
        width = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except KeyError:
        raise BadInput(f"its tensor '{tensor.name}' has no type") from None
    lists = (tensor.float_data, tensor.int32_data, tensor.string_data, tensor.int64_data, tensor.double_data,
             tensor.uint64_data)  # fmt: skip
    held = len(tensor.raw_data) // max(1, width) if tensor.raw_data else max(map(len, lists))
    if claimed < 0 or claimed != held:
        raise BadInput(f"its tensor '{tensor.name}' claims {claimed:,} values and has {held:,}")


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.type == AttributeProto.GRAPH else [])):
                yield from _graphs(inner)


def _nodes(graph: GraphProto) -> Iterator[Any]:
    for one in _graphs(graph):
        yield from one.node


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    for one in _graphs(graph):
        yield from one.initializer
        for sparse in one.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in one.node:
            for attribute in node.attribute:
                yield from attribute.tensors
                if attribute.type == AttributeProto.TENSOR:
                    yield attribute.t
                own = [attribute.sparse_tensor] if attribute.type == AttributeProto.SPARSE_TENSOR else []
                for sparse in (*attribute.sparse_tensors, *own):
                    yield from (sparse.values, sparse.indices)
