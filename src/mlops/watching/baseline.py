"""What a model's production is compared with: its training rows as counts by day, and its losses there and on the test.

Made from the artifacts that the model's release carries, and kept under the model's MD5, as it costs a pass over the
training rows.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlops.artifact import Model
from mlops.contract import ModelInfo, decode, encode, save
from mlops.watching import counts, performance
from mlops.watching.counts import Batch, Daily
from mlops.watching.layout import Layout, layout
from mlops.watching.performance import Losses

LOSSES = ("days", "rows", "total", "squares")
ARTIFACTS = ("model.onnx", "model.json", "train.parquet", "predictions.parquet")


@dataclass(frozen=True)
class Baseline:
    info: ModelInfo
    plan: Layout
    train: Daily
    past: Losses
    test: Losses

    @classmethod
    def of(cls, model: Model, train: pd.DataFrame, tested: pd.DataFrame) -> "Baseline":
        """From the training rows, and predictions.parquet of the test."""
        info = model.info
        rows = counts.batch(train, info, model.predict(train))
        names = [f"probability_{label}" for label in info.classes] or ["prediction"]
        test = counts.batch(tested, info, tested[names].to_numpy(np.float64))
        plan = layout(rows.rows, rows.predicted, info)
        past, tested_losses = (performance.losses(side, info.task) for side in (rows, test))
        return cls(info, plan, counts.count(rows, plan, info), past, tested_losses)

    @classmethod
    def load(cls, folder: Path, kept: Path) -> "Baseline":
        """Of the artifacts in `folder`; what it takes to make is kept in the folder `kept`."""
        model = Model.load(folder)
        content = b"".join((folder / name).read_bytes() for name in ARTIFACTS[:2])
        path = kept / f"{hashlib.md5(content).hexdigest()}.npz"  # noqa: S324 (a name, not a secret)
        if path.exists():
            return _unpacked(path, model.info)
        train, tested = (pd.read_parquet(folder / name) for name in ARTIFACTS[2:])
        made = cls.of(model, train, tested)
        save(path, _packed(made))
        return made


def _packed(made: Baseline) -> bytes:
    arrays: dict[str, Any] = {f"column {name}": table for name, table in made.train.columns.items()}
    arrays |= {f"train {name}": getattr(made.train, name) for name in ("days", "rows", "target")}
    for side, losses in {"past": made.past, "test": made.test}.items():
        arrays |= {f"{side} {name}": getattr(losses, name) for name in LOSSES}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, layout=np.frombuffer(encode(made.plan), np.uint8), **arrays)
    return buffer.getvalue()


def _unpacked(path: Path, info: ModelInfo) -> Baseline:
    with np.load(path, allow_pickle=False) as kept:
        plan = decode(Layout, kept["layout"].tobytes(), str(path))
        columns = {name: kept[f"column {name}"] for name in plan.bins}
        days, rows, target = (kept[f"train {name}"] for name in ("days", "rows", "target"))
        past, test = (Losses(*(kept[f"{side} {name}"] for name in LOSSES)) for side in ("past", "test"))
        return Baseline(info, plan, Daily(days, rows, columns, target), past, test)


def read(rows: pd.DataFrame, model: Model) -> Batch:
    """Rows that carry their time and outcome, such as data files, as production would bring them."""
    return counts.batch(rows, model.info, model.predict(rows))
