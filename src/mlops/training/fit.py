"""Fit an estimator on training rows and turn it into an artifact."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from mlops.artifact import Model, tensor
from mlops.contract import BadInput, Golden, ModelInfo, Schema
from mlops.training import export, profile, sample

GOLDEN_ROWS = 20

Build = Callable[[int], BaseEstimator]
Fitted = tuple[bytes, list[Any]]
_held: Any = None


def frame(rows: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The inputs as the estimator sees them: exactly what model.onnx will see (float32 numbers, "" for no text)."""
    return pd.DataFrame({name: tensor(rows[name], schema.columns[name].type).ravel() for name in schema.inputs})


def target(rows: pd.DataFrame, schema: Schema) -> NDArray[Any]:
    """The target, shape (n_rows,): float64 for regression, else class labels."""
    values = rows[schema.target]
    kind = schema.columns[schema.target].type
    if schema.task == "regression":
        return values.to_numpy(np.float64)
    return values.to_numpy(object) if kind == "text" else values.to_numpy(np.int64)


def several(build: Build, samples: Sequence[pd.DataFrame], schema: Schema, seeds: Sequence[int]) -> list[Fitted]:
    """Train once on every sample, in processes side by side; all must have the classes of the first.

    The processes are forked, so that none imports anything again: call it before anything has used OpenMP here, whose
    threads a fork would lose.
    """
    if len(samples) == 1 or sys.platform != "linux":
        fitted = [fit(build, rows, schema, seed) for rows, seed in zip(samples, seeds, strict=True)]
    else:
        cores = len(os.sched_getaffinity(0))
        context, workers = multiprocessing.get_context("fork"), min(cores, len(samples))
        job = (build, samples, schema, seeds)
        with ProcessPoolExecutor(workers, context, _hold, (cores // workers, *job)) as pool:
            fitted = list(pool.map(_fit_held, range(len(samples))))
    known = fitted[0][1]
    for rows, (_, classes) in zip(samples, fitted, strict=True):
        if classes != known:
            raise BadInput(
                f"column '{schema.target}': one sample of {len(rows)} training rows has the classes {classes}, another "
                f"{known}; raise sample_rows, or merge rare classes"
            )
    return fitted


def _hold(threads: int, *job: Any) -> None:
    """Keep what a forked process inherits: an estimator's recipe can't be sent to it. Its threads are its share.

    Numpy's random state is inherited, too; made anew, it tells a training without a seed from one that can be repeated.
    """
    global _held
    _held = job
    threadpool_limits(threads, user_api="openmp")
    np.random.seed()


def _fit_held(number: int) -> Fitted:
    build, samples, schema, seeds = _held
    return fit(build, samples[number], schema, seeds[number])


def fit(build: Build, rows: pd.DataFrame, schema: Schema, seed: int) -> Fitted:
    """Train once.

    Returns
    -------
    The bytes of model.onnx, checked to predict what the estimator predicts, and the classes (empty for regression).
    """
    inputs, wanted = frame(rows, schema), target(rows, schema)
    estimator = build(seed)
    try:
        estimator.fit(inputs, wanted)
    except ValueError as error:
        raise BadInput(f"src/problem: the estimator refuses its {len(rows)} training rows: {error}") from None
    graph = export.to_onnx(estimator, schema)
    export.check(graph, estimator, inputs, wanted, schema)
    return graph, [] if schema.task == "regression" else list(estimator.classes_.tolist())


def samples(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The samples that `prepare` marked, in order, without the marks."""
    marks = [name for name in rows.columns if name.startswith(sample.MARK)]
    return [rows.loc[rows[mark]].drop(columns=marks) for mark in marks]


def describe(
    graph: bytes, classes: list[Any], rows: pd.DataFrame, schema: Schema, seed: int, settings: Mapping[str, Any]
) -> ModelInfo:
    """The content of model.json for a model trained on `rows`."""
    info = ModelInfo(
        format=1,
        task=schema.task,
        classes=classes,
        schema=schema,
        seed=seed,
        settings=dict(settings),
        rows=len(rows),
        data=rows.attrs.get("data", {}),
        libraries={name: version(name) for name in ("scikit-learn", "skl2onnx", "onnx", "numpy", "pandas")},
        golden=Golden(rows={}, predictions=[]),
        profile=profile.describe(rows, schema),
    )
    few = rows.iloc[np.linspace(0, len(rows) - 1, min(GOLDEN_ROWS, len(rows))).astype(int)]
    predictions = Model(graph, info).predict(few)
    plain = {name: _plain(few[name]) for name in schema.inputs}
    return msgspec.structs.replace(info, golden=Golden(rows=plain, predictions=predictions.tolist()))


def _plain(values: "pd.Series[Any]") -> list[float | str | None]:
    return [None if value != value else value for value in values.tolist()]
