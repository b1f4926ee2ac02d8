"""Rows as counts by day and bin: small, additive, and enough for every check of data quality and drift.

Ten million rows become a few hundred thousand numbers, chunk by chunk; any window of days is a sum of rows of them.
Besides the inputs there are columns made of others: the model's scores, and of each pair of related numbers how far
they are from their usual relation, as two swapped columns leave each other's marginals nearly as they were.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract import Column, ModelInfo, Record
from mlops.judging.metrics import Floats, Ints

MOST_BINS = 100
MOST_CATEGORIES = 1000
MOST_SCORES = 20
TAILS = np.arange(0.5, 12.5, 0.5)  # standard deviations beyond the training range; further ones count as the last
RELATED = 0.5  # correlation from which on two numbers are a pair ("large", Cohen 1988); those of one unit always are
MISSING, OUTSIDE, FIRST = 0, 1, 2  # bins: absent, outside the schema's range (counted in its own bin, too), the rest
PSEUDO_DAYS = 120


class Bins(Record, frozen=True):
    """How one column is counted: by `edges` (numbers), or by `values`, with unseen ones last."""

    role: str
    std: float = 1.0
    edges: list[float] = []
    values: list[str] = []

    @property
    def size(self) -> int:
        return FIRST + (len(self.edges) + 1 if self.role != "text" else len(self.values) + 2)  # + rare, unseen


class Pair(Record, frozen=True):
    """Two numbers that go together: their means and standard deviations, and the sign of their correlation."""

    names: tuple[str, str]
    means: tuple[float, float]
    stds: tuple[float, float]
    sign: int

    def distance(self, rows: pd.DataFrame) -> Floats:
        """The minor principal component of the standardised pair (Jolliffe 2002, section 10.1), shape (n_rows,)."""
        first, second = (
            (rows[name].to_numpy(np.float64) - mean) / std
            for name, mean, std in zip(self.names, self.means, self.stds, strict=True)
        )
        return (first - self.sign * second) / np.sqrt(2)


class Layout(Record, frozen=True):
    """How the rows of one model are counted, as its training rows decide."""

    bins: dict[str, Bins]
    pairs: dict[str, Pair]
    rare: dict[str, list[str]] = {}


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


def shown(info: ModelInfo) -> list[str]:
    """The inputs that are collected as they are: `sensitive` ones are masked in the store."""
    return [name for name in info.schema.inputs if not info.schema.columns[name].sensitive]


def layout(train: Batch, info: ModelInfo) -> Layout:
    """Bins from the training rows: about 100 of equal content a number, one a category."""
    schema = info.schema
    bins: dict[str, Bins] = {}
    rare: dict[str, list[str]] = {}
    for name in shown(info):
        if schema.columns[name].type == "text":
            seen = train.rows[name].dropna().astype(str).value_counts().sort_index().sort_values(ascending=False)
            bins[name] = Bins(role="text", values=list(seen.index[:MOST_CATEGORIES]))
            rare[name] = list(seen.index[MOST_CATEGORIES:])
        else:
            bins[name] = _number("number", train.rows[name].to_numpy(np.float64))
    pairs = _pairs(train.rows, info)
    for name, pair in pairs.items():
        bins[name] = _number("pair", pair.distance(train.rows))
    for name, values in _scores(train.predicted, info).items():
        bins[name] = _number("score", values)
    return Layout(bins=bins, pairs=pairs, rare={name: values for name, values in rare.items() if values})


def _number(role: str, values: Floats) -> Bins:
    present = values[np.isfinite(values)]
    if len(present) == 0:
        return Bins(role=role)
    points = np.unique(present)
    if len(points) > MOST_BINS:
        points = np.unique(np.quantile(present, np.linspace(0, 1, MOST_BINS + 1)))
    std = float(present.std()) or 1.0
    inner = (points[1:] + points[:-1]) / 2 if len(points) <= MOST_BINS else points[1:-1]
    edges = np.unique([*(points[0] - std * TAILS), points[0] - std / 1e6, *inner, *(points[-1] + std * TAILS)])
    return Bins(role=role, std=std, edges=[float(edge) for edge in edges])


def _pairs(rows: pd.DataFrame, info: ModelInfo) -> dict[str, Pair]:
    columns = info.schema.columns
    numbers = [name for name in shown(info) if columns[name].type == "number" and rows[name].std() > 0]
    related = rows[numbers].corr()
    found = {}
    for i, a in enumerate(numbers):
        for b in numbers[i + 1 :]:
            together = float(related.to_numpy()[i, numbers.index(b)])
            one_unit = columns[a].unit and columns[a].unit == columns[b].unit
            if np.isfinite(together) and (abs(together) >= RELATED or one_unit):
                means, stds = ((float(f(rows[a])), float(f(rows[b]))) for f in (pd.Series.mean, pd.Series.std))
                found[f"{a} and {b}"] = Pair(names=(a, b), means=means, stds=stds, sign=1 if together >= 0 else -1)
    return found


def _scores(predicted: Floats, info: ModelInfo) -> dict[str, Floats]:
    """One column a class, of two the second; or the predicted value."""
    if not info.classes:
        return {"score": predicted[:, 0]}
    first = 1 if len(info.classes) == 2 else 0
    return {f"score of {info.classes[i]}": predicted[:, i] for i in range(first, min(len(info.classes), MOST_SCORES))}


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
    made = {name: pair.distance(batch.rows) for name, pair in plan.pairs.items()} | _scores(batch.predicted, info)
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
