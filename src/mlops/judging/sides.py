"""Both sides as they come from training, and whether they can be compared: on which rows, and why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops import rows as row
from mlops.artifact import Model, Predictor
from mlops.contract import ModelInfo, Partition, decode
from mlops.judging.submission import Learnt


@dataclass(frozen=True)
class Trained:
    """One side: a folder with its model, the models of its trainings (the first is that one), the rows that they may
    have learnt from, and profiles of its data. `learnt` is what a pull request says of these rows besides.
    """

    folder: Path
    models: Sequence[Predictor]
    train: pd.DataFrame
    data: dict[str, Partition]
    reproducible: bool
    learnt: Learnt | None = None

    @property
    def info(self) -> ModelInfo:
        return self.models[0].info

    @classmethod
    def load(cls, folder: Path) -> "Trained":
        model = Model.load(folder)
        repeats = sorted((folder / "repeats").glob("*.onnx"), key=lambda path: int(path.stem))
        again = folder / "repeats/0.onnx"
        return cls(
            folder=folder,
            models=[model, *(Model(path.read_bytes(), model.info) for path in repeats if path != again)],
            train=pd.read_parquet(folder / "train.parquet"),
            data=decode(dict[str, Partition], (folder / "profile.json").read_bytes(), str(folder / "profile.json")),
            reproducible=not repeats or (again.exists() and again.read_bytes() == (folder / "model.onnx").read_bytes()),
        )


def obstacle(base: ModelInfo, head: ModelInfo, test: pd.DataFrame) -> str | None:
    """Why one side can't be scored on the head's rows, or None where both can."""
    if base.task != head.task:
        return f"the task changed from {base.task} to {head.task}"
    if base.schema.target != head.schema.target:
        return f"the target changed from '{base.schema.target}' to '{head.schema.target}'"
    if base.classes != head.classes:
        return f"the classes changed from {base.classes} to {head.classes}"
    if base.schema.time != head.schema.time:
        return f"the time column changed from '{base.schema.time}' to '{head.schema.time}'"
    if not set(base.schema.identity) & set(test.columns):
        return f"no column of the base's key ({', '.join(base.schema.identity)}) is left to tell rows apart"
    missing = [name for name in base.schema.inputs if name not in test]
    if missing:
        return f"the base's model needs the input '{missing[0]}', which the head's data no longer has"
    changed = [name for name in base.schema.inputs if name in head.schema.columns and _retyped(name, base, head)]
    if changed:
        return f"the input '{changed[0]}' changed its type or unit, so the base's model would misread it"
    return None


def _retyped(name: str, base: ModelInfo, head: ModelInfo) -> bool:
    before, after = base.schema.columns[name], head.schema.columns[name]
    return (before.type == "text") != (after.type == "text") or before.unit != after.unit


def fresh(test: pd.DataFrame, base: Trained, head: Trained) -> NDArray[np.bool_]:
    """Mask of the test rows that neither side trained on, nor on any other row of the same local day.

    Rows are told apart by the identity that both sides share. Rows of one day are alike, so a side that trained on some
    of them knows the others, too.
    """
    names = [name for name in base.info.schema.identity if all(name in rows for rows in (test, base.train, head.train))]
    seen = np.concatenate([row.hash_columns(side.train, names) for side in (base, head)])
    new = ~np.isin(row.hash_columns(test, names), seen)
    schema = base.info.schema
    if schema.time:
        days = [row.local(rows[schema.time], schema.zone).dt.normalize() for rows in (test, base.train, head.train)]
        new &= ~days[0].isin(set(days[1]) | set(days[2])).to_numpy()
    return new & ~_said(test, head)


def _said(test: pd.DataFrame, head: Trained) -> NDArray[np.bool_]:
    """Mask of the test rows that the head says it learnt from, or from others of their days."""
    if head.learnt is None:
        return np.zeros(len(test), dtype=bool)
    schema = head.info.schema
    known = np.isin(row.identity(test, schema), head.learnt.keys)
    if schema.time:
        days = row.local(test[schema.time], schema.zone).to_numpy("datetime64[D]")
        known |= np.isin(days, head.learnt.days)
    return known


def relabelled(base: Trained, head: Trained) -> float:
    """Share of the training rows common to both sides whose target differs."""
    target = base.info.schema.target
    names = [name for name in base.info.schema.identity if name in head.train and name != target]
    before, after = (
        pd.Series(side.train[target].to_numpy(), row.hash_columns(side.train, names)) for side in (base, head)
    )
    before, after = (values[~values.index.duplicated(keep=False)] for values in (before, after))
    both = before.index.intersection(after.index)
    return float((before[both] != after[both]).mean()) if len(both) else 0.0
