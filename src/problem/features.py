"""What the model sees of a row. Every step must convert to ONNX (docs: skl2onnx, supported operators)."""

from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OrdinalEncoder

from mlops.contract import Schema


def build(schema: Schema) -> ColumnTransformer:
    """Categories as numbers, an unknown or missing one as -1; numbers as they are, missing as NaN."""
    texts = [name for name in schema.inputs if schema.columns[name].type == "text"]
    numbers = [name for name in schema.inputs if name not in texts]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer([("texts", encoder, texts), ("numbers", "passthrough", numbers)])
