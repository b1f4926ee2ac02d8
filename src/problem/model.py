"""How the model learns, and the settings that params.yaml may change (block train.model)."""

from typing import Annotated

from msgspec import Meta
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from mlops.contract import Positive, Schema, Strict
from problem import features


class Settings(Strict, frozen=True):
    learning_rate: Annotated[float, Meta(gt=0, le=1)]
    trees: Positive
    leaves: Annotated[int, Meta(ge=2, le=1000)]


def build(settings: Settings, schema: Schema, seed: int) -> Pipeline:
    """An unfitted estimator that takes the schema's inputs as a DataFrame."""
    kind = HistGradientBoostingRegressor if schema.task == "regression" else HistGradientBoostingClassifier
    boosting = kind(
        learning_rate=settings.learning_rate,
        max_iter=settings.trees,
        max_leaf_nodes=settings.leaves,
        early_stopping=False,  # else a random validation split makes every seed another model
        random_state=seed,
    )
    return Pipeline([("features", features.build(schema)), ("model", boosting)])
