"""How the model learns, and the settings that params.yaml may change (block train.model)."""

from typing import Annotated

from msgspec import Meta
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from mlops.contract import Positive, Schema, Strict
from problem import features


class Settings(Strict, frozen=True):
    algorithm: features.Algorithm
    learning_rate: Annotated[float, Meta(gt=0, le=1)]
    trees: Positive
    leaves: Annotated[int, Meta(ge=2, le=1000)]
    strength: Annotated[float, Meta(gt=0)]


def build(settings: Settings, schema: Schema, seed: int) -> Pipeline:
    """An unfitted estimator that takes the schema's inputs as a DataFrame."""
    make = {"boosting": boosting, "forest": forest, "linear": linear}[settings.algorithm]
    model = make(settings, schema.task == "regression", seed)
    return Pipeline([("features", features.build(schema, settings.algorithm)), ("model", model)])


def boosting(settings: Settings, regression: bool, seed: int) -> BaseEstimator:
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(
        learning_rate=settings.learning_rate,
        max_iter=settings.trees,
        max_leaf_nodes=settings.leaves,
        early_stopping=False,  # else a random validation split makes every seed another model
        random_state=seed,
    )


def forest(settings: Settings, regression: bool, seed: int) -> BaseEstimator:
    kind = RandomForestRegressor if regression else RandomForestClassifier
    return kind(n_estimators=settings.trees, max_leaf_nodes=settings.leaves, random_state=seed)


def linear(settings: Settings, regression: bool, _seed: int) -> BaseEstimator:
    return Ridge(alpha=settings.strength) if regression else LogisticRegression(C=1 / settings.strength, max_iter=300)
