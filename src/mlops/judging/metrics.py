"""Metrics as functions of sums over blocks of rows, so that a resample of blocks costs one matrix product.

`sums` turns targets and predictions into one row of statistics a block, shape (n_blocks, m); `value` turns such sums,
shape (..., m), into the metric, shape (...). The first metric of a task is its loss, a mean over rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract import BadInput, ModelInfo, Task

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RANKS = 500
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Metric:
    name: str
    lower_is_better: bool
    sums: Callable[[NDArray[Any], Floats, Ints, int], Floats]
    value: Callable[[Floats], Floats]


def by_task(task: Task) -> tuple[Metric, ...]:
    """The metrics of a task, its loss first."""
    return METRICS[task]


def encoded(rows: pd.DataFrame, info: ModelInfo) -> NDArray[Any]:
    """The target as metrics take it, shape (n_rows,): index of the class, or value.

    Raises
    ------
    BadInput
        A class that the model doesn't know.
    """
    values = rows[info.schema.target]
    if info.task == "regression":
        return values.to_numpy(np.float64)
    index = values.map({label: i for i, label in enumerate(info.classes)})
    if index.isna().any():
        unknown = values[index.isna()].iloc[0]
        raise BadInput(
            f"column '{info.schema.target}': {int(index.isna().sum())} test rows have the class {unknown!r}, which no "
            "training row has; add such rows to the training data, or take the class out"
        )
    return index.to_numpy(np.int64)


def loss(task: Task, target: NDArray[Any], predicted: Floats) -> Floats:
    """Loss of every row, shape (n_rows,): log loss, or squared error.

    Parameters
    ----------
    target
        Index of the true class, or true value, shape (n_rows,).
    predicted
        Class probabilities, shape (n_rows, n_classes), or predicted values, shape (n_rows, 1).
    """
    return squared_error(target, predicted) if task == "regression" else log_loss(target, predicted)


def log_loss(target: Ints, predicted: Floats) -> Floats:
    """Minus the log of the probability given to the true class, which is kept above 1e-7 (float32's resolution)."""
    return -np.log(np.maximum(predicted[np.arange(len(target)), target], 1e-7))


def squared_error(target: Floats, predicted: Floats) -> Floats:
    return (predicted[:, 0] - target) ** 2


def block_sums(statistics: Floats, block: Ints, n_blocks: int) -> Floats:
    """Sums of (n_rows, m) statistics over blocks, shape (n_blocks, m)."""
    return np.column_stack([np.bincount(block, column, n_blocks) for column in statistics.T])


def calibration_bins(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Rows, mean prediction and mean outcome of every calibration bin, each of shape (..., n_bins)."""
    rows, predicted, observed = np.split(sums, 3, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return rows, predicted / rows, observed / rows


def _mean(
    name: str, per_row: Callable[[Any, Floats], Floats], lower_is_better: bool = True, root: bool = False
) -> Metric:
    def sums(target: NDArray[Any], predicted: Floats, block: Ints, n_blocks: int) -> Floats:
        values = per_row(target, predicted)
        return block_sums(np.column_stack([values, np.ones_like(values)]), block, n_blocks)

    def value(sums: Floats) -> Floats:
        mean = sums[..., 0] / sums[..., 1]
        return np.sqrt(mean) if root else mean

    return Metric(name, lower_is_better, sums, value)


def _rank_sums(target: Ints, predicted: Floats, block: Ints, n_blocks: int) -> Floats:
    """Negatives and positives a block and quantile of the score, so that ranks within a quantile count as ties.

    Up to 500 distinct scores both metrics are exact. With more, half of the quantiles are close together at the top,
    where precision is made: then ROC AUC is off by less than 0.001, average precision by less than 0.01.
    """
    score = predicted[:, 1]
    edges = np.unique(score)
    if len(edges) > RANKS:
        fine_at_the_top = 1 - np.logspace(0, -5, RANKS // 2)
        edges = np.unique(np.quantile(score, np.concatenate([np.linspace(0, 1, RANKS // 2), fine_at_the_top])))
    rank = np.searchsorted(edges, score, side="right")
    width = RANKS + 1
    flat = np.bincount((block * 2 + target) * width + rank, minlength=n_blocks * 2 * width)
    return flat.reshape(n_blocks, 2 * width).astype(np.float64)


def _roc_auc(sums: Floats) -> Floats:
    """Probability that a positive scores above a negative, ties counting half (Hanley and McNeil 1982)."""
    negatives, positives = np.split(sums, 2, axis=-1)
    below = np.cumsum(negatives, axis=-1) - negatives / 2
    with np.errstate(invalid="ignore"):
        return (positives * below).sum(-1) / (positives.sum(-1) * negatives.sum(-1))


def _average_precision(sums: Floats) -> Floats:
    """Precision, averaged over the recall that each threshold adds."""
    negatives, positives = (np.flip(half, axis=-1) for half in np.split(sums, 2, axis=-1))
    found, all_found = np.cumsum(positives, axis=-1), np.cumsum(positives + negatives, axis=-1)
    precision = found / np.maximum(all_found, 1)
    with np.errstate(invalid="ignore"):
        return (precision * positives).sum(-1) / positives.sum(-1)


def _calibration_sums(target: NDArray[Any], predicted: Floats, block: Ints, n_blocks: int) -> Floats:
    """Rows, predictions and outcomes a block and bin: of the positive class, or of the top one of many."""
    if predicted.shape[1] == 2:
        score, hit = predicted[:, 1], target.astype(np.float64)
    else:
        top = predicted.argmax(axis=1)
        score, hit = predicted.max(axis=1), (top == target).astype(np.float64)
    bin = np.minimum((score * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    where = block * CALIBRATION_BINS + bin
    return np.hstack(
        [np.bincount(where, w, n_blocks * CALIBRATION_BINS).reshape(n_blocks, -1) for w in (None, score, hit)]
    ).astype(np.float64)


def _calibration_error(sums: Floats) -> Floats:
    """Expected calibration error: |predicted - observed|, averaged over rows (Guo et al. 2017, equation 3)."""
    rows, predicted, observed = np.split(sums, 3, axis=-1)
    return np.abs(predicted - observed).sum(-1) / rows.sum(-1)


def _moment_sums(target: Floats, predicted: Floats, block: Ints, n_blocks: int) -> Floats:
    error = predicted[:, 0] - target
    return block_sums(np.column_stack([np.ones_like(error), error, error**2, target, target**2]), block, n_blocks)


def _r2(sums: Floats) -> Floats:
    rows, _, squared, total, total2 = np.moveaxis(sums, -1, 0)
    return 1 - squared / (total2 - total**2 / rows)


def _bias(sums: Floats) -> Floats:
    """|Mean error| in standard deviations of the target: a regression's calibration error."""
    rows, error, _, total, total2 = np.moveaxis(sums, -1, 0)
    return np.abs(error / rows) / np.sqrt(np.maximum(total2 / rows - (total / rows) ** 2, 1e-300))


def _confusion_sums(target: Ints, predicted: Floats, block: Ints, n_blocks: int) -> Floats:
    n = predicted.shape[1]
    flat = np.bincount((block * n + target) * n + predicted.argmax(axis=1), minlength=n_blocks * n * n)
    return flat.reshape(n_blocks, n * n).astype(np.float64)


def _macro_f1(sums: Floats) -> Floats:
    n = int(np.sqrt(sums.shape[-1]))
    table = sums.reshape(*sums.shape[:-1], n, n)
    both = np.diagonal(table, axis1=-2, axis2=-1)
    return (2 * both / np.maximum(table.sum(-1) + table.sum(-2), 1e-300)).mean(-1)


_LOG_LOSS = _mean("log_loss", log_loss)
_CALIBRATION = Metric("calibration_error", True, _calibration_sums, _calibration_error)

METRICS: dict[Task, tuple[Metric, ...]] = {
    "binary": (
        _LOG_LOSS,
        Metric("roc_auc", False, _rank_sums, _roc_auc),
        Metric("average_precision", False, _rank_sums, _average_precision),
        _mean("brier", lambda target, predicted: (predicted[:, 1] - target) ** 2),
        _CALIBRATION,
    ),
    "multiclass": (
        _LOG_LOSS,
        _mean("accuracy", lambda target, predicted: (predicted.argmax(axis=1) == target).astype(np.float64), False),
        Metric("macro_f1", False, _confusion_sums, _macro_f1),
        _CALIBRATION,
    ),
    "regression": (
        _mean("squared_error", squared_error),
        _mean("rmse", squared_error, root=True),
        _mean("mae", lambda target, predicted: np.abs(predicted[:, 0] - target)),
        Metric("r2", False, _moment_sums, _r2),
        Metric("bias", True, _moment_sums, _bias),
    ),
}
