"""Rows as counts by day and bin: small, additive, and enough for every check of data quality and drift.

Ten million rows become a few hundred thousand numbers, chunk by chunk; any window of days is a sum of rows of them.
Besides the inputs there are columns made of others: the model's scores, and of each pair of related numbers how far
they are from their usual relation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract import Column, ModelInfo
from mlops.judging.metrics import Floats, Ints
from mlops.watching.layout import FIRST, MISSING, OUTSIDE, Bins, Layout, scores

PSEUDO_DAYS = 120


@dataclass(frozen=True)
class Batch:
    """Rows as requests carry them, the local day of each (as an ordinal), the model's output (n_rows, n_outputs), and
    what came true: index of the class or value, NaN where it isn't known, shape (n_rows,).
    """

    rows: pd.DataFrame
    day: Ints
    predicted: Floats
    target: Floats

    def where(self, mask: NDArray[np.bool_]) -> "Batch":
        return Batch(self.rows[mask], self.day[mask], self.predicted[mask], self.target[mask])


@dataclass(frozen=True)
class Daily:
    """`days` (n_days,) in order; by column the counts (n_days, n_bins); `rows` (n_days,); of the known outcomes the
    number and the sum of each class's indicator, or of the standardised value, `target` (n_days, 1 + k).
    """

    days: Ints
    rows: Ints
    columns: dict[str, Ints]
    target: Floats

    def __add__(self, other: "Daily") -> "Daily":
        days = np.union1d(self.days, other.days)
        return Daily(days, *(_merged(days, self, other, name) for name in ("rows", "columns", "target")))

    def keep(self, mask: NDArray[np.bool_]) -> "Daily":
        columns = {name: counts[mask] for name, counts in self.columns.items()}
        return Daily(self.days[mask], self.rows[mask], columns, self.target[mask])


def _merged(days: Ints, one: Daily, two: Daily, name: str) -> Any:
    parts = [getattr(one, name), getattr(two, name)]
    where = [np.searchsorted(days, side.days) for side in (one, two)]

    def add(arrays: list[NDArray[Any]]) -> NDArray[Any]:
        total = np.zeros((len(days), *arrays[0].shape[1:]), dtype=arrays[0].dtype)
        for at, values in zip(where, arrays, strict=True):
            total[at] += values
        return total

    return {key: add([part[key] for part in parts]) for key in parts[0]} if isinstance(parts[0], dict) else add(parts)


def ordinals(times: "pd.Series[pd.Timestamp]", zone: str) -> Ints:
    """Local day of each time, as days since 1970, shape (n_rows,)."""
    local = times.dt.tz_convert(zone).dt.tz_localize(None)
    return local.to_numpy("datetime64[D]").astype(np.int64)


def batch(rows: pd.DataFrame, info: ModelInfo, predicted: Floats) -> Batch:
    """Training or test rows; where the schema has no time, they fall by lot into 120 days."""
    if info.schema.time:
        day = ordinals(rows[info.schema.time], info.schema.zone)
    else:
        day = np.random.default_rng(0).permutation(len(rows)).astype(np.int64) % PSEUDO_DAYS
    return Batch(rows, day, predicted, encoded(rows[info.schema.target], info))


def encoded(values: "pd.Series[Any]", info: ModelInfo) -> Floats:
    """What came true as a number, shape (n_rows,): index of the class or value, NaN where it isn't known."""
    if info.task == "regression":
        return values.to_numpy(np.float64)
    return np.asarray(values.map({label: i for i, label in enumerate(info.classes)}), dtype=np.float64)


def count(batch: Batch, plan: Layout, info: ModelInfo) -> Daily:
    """The counts of a batch."""
    days, at = np.unique(batch.day, return_inverse=True)
    columns = {}
    for name, bins in plan.bins.items():
        if bins.role in ("number", "text"):
            if name not in batch.rows:
                bin, outside = np.zeros(len(at), np.int64), np.zeros(len(at), bool)
            elif bins.role == "number":
                values = batch.rows[name].to_numpy(np.float64)
                bin, outside = _by_edges(values, bins), _outside(values, info.schema.columns[name])
            else:
                texts = batch.rows[name]
                bin = _by_values(texts, bins, plan.rare.get(name, []))
                declared = info.schema.columns[name].categories
                outside = (texts.notna() & ~texts.isin(declared)).to_numpy() if declared else np.zeros(len(at), bool)
            columns[name] = _table(at, bin, len(days), bins.size)
            columns[name][:, OUTSIDE] = np.bincount(at, outside, len(days)).astype(np.int64)
    made = {name: pair.distance(batch.rows) for name, pair in plan.pairs.items()} | scores(batch.predicted, info)
    for name, values in made.items():
        columns[name] = _table(at, _by_edges(values, plan.bins[name]), len(days), plan.bins[name].size)
    return Daily(days, np.bincount(at, minlength=len(days)), columns, _target(batch.target, at, len(days), info))


def _table(at: Ints, bin: Ints, n_days: int, n_bins: int) -> Ints:
    return np.bincount(at * n_bins + bin, minlength=n_days * n_bins).reshape(n_days, n_bins)


def _by_edges(values: Floats, bins: Bins) -> Ints:
    return np.where(np.isnan(values), MISSING, FIRST + np.searchsorted(bins.edges, values, side="right"))


def _by_values(values: "pd.Series[Any]", bins: Bins, rare: list[str]) -> Ints:
    known = {value: FIRST + i for i, value in enumerate(bins.values)}
    known |= dict.fromkeys(rare, FIRST + len(bins.values))
    codes, unique = pd.factorize(values)
    bin = np.array([*(known.get(str(value), bins.size - 1) for value in unique), MISSING], dtype=np.int64)
    return bin[codes]


def _outside(values: Floats, column: Column) -> NDArray[np.bool_]:
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    return (values < low) | (values > high)


def _target(target: Floats, at: Ints, n_days: int, info: ModelInfo) -> Floats:
    known = ~np.isnan(target)
    if info.classes:
        parts = [target == i for i in range(len(info.classes))]
    else:
        usual = info.profile.columns[info.schema.target]
        parts = [np.where(known, (target - (usual.mean or 0)) / (usual.std or 1), 0)]
    return np.column_stack([np.bincount(at, weights, n_days) for weights in (known, *parts)])


def sums(daily: NDArray[Any], length: int) -> NDArray[Any]:
    """Sums of daily (n_days, m) over every window of `length` days in a row, shape (n_days - length + 1, m)."""
    so_far = np.concatenate([np.zeros_like(daily[:1]), np.cumsum(daily, axis=0)])
    return so_far[length:] - so_far[:-length]
