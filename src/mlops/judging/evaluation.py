"""One model on its test rows: predictions, metrics, slices, and the calibration curve."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlops.artifact import Model, Predictions
from mlops.contract import ModelInfo
from mlops.judging import metrics


@dataclass(frozen=True)
class Evaluation:
    """`metrics` by name; `slices`: rows and loss by ``column=value``; `calibration`: one entry a bin."""

    predictions: pd.DataFrame
    metrics: dict[str, float]
    slices: dict[str, dict[str, float]]
    calibration: list[dict[str, float]]


def evaluate(model: Model, rows: pd.DataFrame) -> Evaluation:
    """Score `model` on `rows`."""
    task, predicted, target = model.info.task, model.predict(rows), metrics.encoded(rows, model.info)
    one_block = np.zeros(len(rows), dtype=np.int64)
    sums = {metric.name: metric.sums(target, predicted, one_block, 1)[0] for metric in metrics.by_task(task)}
    loss = pd.Series(metrics.loss(task, target, predicted), index=rows.index)
    slices = {
        f"{name}={value}": {"rows": len(part), "loss": float(part.mean())}
        for name in model.info.schema.having("slice")
        for value, part in loss.groupby(rows[name], observed=True)
    }
    curve = (
        zip(*metrics.calibration_bins(sums["calibration_error"]), strict=True) if "calibration_error" in sums else ()
    )
    return Evaluation(
        predictions=_table(rows, predicted, model.info),
        metrics={metric.name: float(metric.value(sums[metric.name])) for metric in metrics.by_task(task)},
        slices=slices,
        calibration=[{"rows": int(n), "predicted": float(p), "observed": float(o)} for n, p, o in curve if n],
    )


def _table(rows: pd.DataFrame, predicted: Predictions, info: ModelInfo) -> pd.DataFrame:
    """Who the rows are, what was predicted, and what came true."""
    schema = info.schema
    kept = list(dict.fromkeys([*schema.having("time"), *schema.key, *schema.having("slice"), schema.target]))
    names = [f"probability_{label}" for label in info.classes] or ["prediction"]
    return rows[kept].reset_index(drop=True).join(pd.DataFrame(predicted, columns=names))
