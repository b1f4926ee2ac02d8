"""How the rows of one model are counted, as its training rows decide: bins of numbers, categories, and related pairs.

The pairs are there because two swapped columns can leave each other's marginals nearly as they were.
"""

import numpy as np
import pandas as pd

from mlops.contract import ModelInfo, Record
from mlops.judging.metrics import Floats

MOST_BINS = 100
MOST_CATEGORIES = 1000
MOST_SCORES = 20
TAILS = np.arange(0.5, 12.5, 0.5)  # standard deviations beyond the training range; further ones count as the last
RELATED = 0.5  # correlation from which on two numbers are a pair ("large", Cohen 1988); those of one unit always are
MISSING, OUTSIDE, FIRST = 0, 1, 2  # bins: absent, outside the schema's range (counted in its own bin, too), the rest


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


def shown(info: ModelInfo) -> list[str]:
    """The inputs that are collected as they are: `sensitive` ones are masked in the store."""
    return [name for name in info.schema.inputs if not info.schema.columns[name].sensitive]


def layout(rows: pd.DataFrame, predicted: Floats, info: ModelInfo) -> Layout:
    """Bins from the training rows: about 100 of equal content a number, one a category."""
    schema = info.schema
    bins: dict[str, Bins] = {}
    rare: dict[str, list[str]] = {}
    for name in shown(info):
        if schema.columns[name].type == "text":
            seen = rows[name].dropna().astype(str).value_counts().sort_index().sort_values(ascending=False)
            bins[name] = Bins(role="text", values=list(seen.index[:MOST_CATEGORIES]))
            rare[name] = list(seen.index[MOST_CATEGORIES:])
        else:
            bins[name] = _number("number", rows[name].to_numpy(np.float64))
    pairs = _pairs(rows, info)
    for name, pair in pairs.items():
        bins[name] = _number("pair", pair.distance(rows))
    for name, values in scores(predicted, info).items():
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


def scores(predicted: Floats, info: ModelInfo) -> dict[str, Floats]:
    """One column a class, of two the second; or the predicted value."""
    if not info.classes:
        return {"score": predicted[:, 0]}
    first = 1 if len(info.classes) == 2 else 0
    return {f"score of {info.classes[i]}": predicted[:, i] for i in range(first, min(len(info.classes), MOST_SCORES))}
