"""A finding in words: which column, what it was, what it is."""

import datetime

import numpy as np

from mlops.contract import Column
from mlops.judging.metrics import Floats, Ints
from mlops.watching import quality
from mlops.watching.counts import FIRST, MISSING, Bins, Daily
from mlops.watching.levels import Size
from mlops.watching.traffic import Seen


def describe(found: Size, seen: Seen, train: Daily, days: int) -> str:
    """One line for a person."""
    name, window = found.column, seen.daily
    ordinary = f"ordinary {days}-day windows stay below {found.level:.3g}"
    if window is None or found.kind == "volume":
        rows = 0 if window is None else int(window.rows.sum())
        return f"{rows / days:.0f} rows a day, {np.exp(found.size):.1f} times more or fewer than in the weeks before"
    if found.kind == "target":
        return _target(found, seen, train)
    now, before, bins = window.columns[name].sum(0), train.columns[name].sum(0), seen.plan.bins[name]
    if found.kind == "missing":
        shares = [counts[MISSING] / quality.total(counts) for counts in (now, before)]
        return f"`{name}` is missing in {shares[0]:.1%} of rows, {shares[1]:.1%} in training"
    if found.kind == "range":
        return f"`{name}` is outside {_allowed(seen.info.schema.columns[name])} in {found.size:.1%} of rows"
    if found.kind == "category":
        return f"`{name}` has a category that no training row has in {found.size:.1%} of rows: {_list(seen.examples(name))}"
    if found.kind == "gone":
        return f"`{name}`: no row has {_list(_gone(now, before, bins))}, {found.size:.1%} of training rows have"
    if found.kind == "frozen":
        return f"`{name}` stands still near {_median(now, bins):.3g}"
    if found.kind == "relation":
        return f"`{name}` left their usual relation by {found.size:.2f} standard deviations ({ordinary})"
    if bins.role == "text":
        return f"`{name}`: {found.size:.1%} of rows changed category ({ordinary}): {_moved(now, before, bins)}"
    change = f"median {_median(before, bins):.3g} in training, {_median(now, bins):.3g} now"
    return f"`{name}` moved by {found.size:.2f} standard deviations ({ordinary}): {change}"


def day(ordinal: int) -> str:
    """2026-05-01, of days since 1970."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=ordinal)).isoformat()


def _target(found: Size, seen: Seen, train: Daily) -> str:
    name = seen.info.schema.target
    assert seen.daily is not None
    known, usual = seen.daily.target.sum(0), train.target.sum(0)
    if not seen.info.classes:
        return f"`{name}` moved by {found.size:.2f} standard deviations of the training rows"
    at = int(found.column.split(" ")[1]) if " " in found.column else 1
    share, before = known[1 + at] / known[0], usual[1 + at] / usual[0]
    label = seen.info.classes[at]
    return f"`{name}` is {label} in {share:.1%} of {known[0]:.0f} outcomes, {before:.1%} in training"


def _allowed(column: Column) -> str:
    if column.categories:
        return f"the {len(column.categories)} categories of the schema"
    return f"{column.low if column.low is not None else ''} to {column.high if column.high is not None else ''} {column.unit}".strip()


def _gone(now: Ints, before: Ints, bins: Bins) -> list[str]:
    share = before / quality.total(before)
    lost = (now == 0) & (share >= quality.COMMON)
    return [value for i, value in enumerate(bins.values) if lost[FIRST + i]]


def _moved(now: Ints, before: Ints, bins: Bins) -> str:
    names = [*bins.values, "rare ones", "unseen ones"]
    shares: list[Floats] = [counts[FIRST:] / max(counts[FIRST:].sum(), 1) for counts in (now, before)]
    most = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")[:3]
    return ", ".join(f"{names[i]} {shares[1][i]:.1%} -> {shares[0][i]:.1%}" for i in most)


def _list(values: list[str]) -> str:
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def _median(counts: Ints, bins: Bins) -> float:
    """The middle of the bin that holds it."""
    present = np.cumsum(counts[FIRST:])
    at = int(np.searchsorted(present, present[-1] / 2))
    edges = bins.edges
    if not edges:
        return float("nan")
    return float((edges[max(at - 1, 0)] + edges[min(at, len(edges) - 1)]) / 2)
