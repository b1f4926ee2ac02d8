"""What the model sees of a row. Every step must convert to ONNX (docs: skl2onnx, supported operators)."""

from typing import Literal

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from mlops.contract import Schema

Algorithm = Literal["boosting", "forest", "linear"]


def build(schema: Schema, algorithm: Algorithm) -> ColumnTransformer:
    """Trees take categories as numbers, an unknown or missing one as -1; boosting takes numbers as they are, missing
    as NaN, and the others the mean instead. A linear model takes a column a category, and numbers on one scale.
    """
    texts = [name for name in schema.inputs if schema.columns[name].type == "text"]
    numbers = [name for name in schema.inputs if name not in texts]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    filled = SimpleImputer(keep_empty_features=True)
    if algorithm == "boosting":
        return ColumnTransformer([("texts", encoder, texts), ("numbers", "passthrough", numbers)])
    if algorithm == "forest":
        return ColumnTransformer([("texts", encoder, texts), ("numbers", filled, numbers)])
    dummies = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    return ColumnTransformer([("texts", dummies, texts), ("numbers", make_pipeline(filled, StandardScaler()), numbers)])
