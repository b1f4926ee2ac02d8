"""A finding in words: which column, what it was, what it is."""

import datetime

import numpy as np

from mlops.contract import Column, ModelInfo
from mlops.judging.metrics import Floats, Ints
from mlops.watching import quality
from mlops.watching.counts import Daily
from mlops.watching.layout import FIRST, MISSING, Bins
from mlops.watching.sizes import Size
from mlops.watching.traffic import Seen


def describe(found: Size, seen: Seen, train: Daily, days: int) -> str:
    """One line for a person."""
    if seen.daily is None:
        raise ValueError("nothing was seen that could be described")
    if found.kind == "volume":
        rows = int(seen.daily.rows.sum()) / days
        return f"{rows:.0f} rows a day, {np.exp(found.size):.1f} times more or fewer than in the weeks before"
    if found.kind == "target":
        return _target(found, seen.info, seen.daily.target.sum(0), train.target.sum(0))
    name = found.column
    now, before, bins = seen.daily.columns[name].sum(0), train.columns[name].sum(0), seen.plan.bins[name]
    if found.kind in quality.KINDS:
        return f"`{name}` {_fault(found, seen, now, before, bins)}"
    return f"`{name}` {_drift(found, now, before, bins)} (ordinary {days}-day windows: below {found.level:.3g})"


def _fault(found: Size, seen: Seen, now: Ints, before: Ints, bins: Bins) -> str:
    name, share = found.column, f"{found.size:.1%} of rows"
    if found.kind == "missing":
        shares = [counts[MISSING] / quality.total(counts) for counts in (now, before)]
        return f"is missing in {shares[0]:.1%} of rows, {shares[1]:.1%} in training"
    if found.kind == "range":
        return f"is outside {_allowed(seen.info.schema.columns[name])} in {share}"
    if found.kind == "category":
        return f"has a category that no training row has in {share}: {_list(seen.examples(name))}"
    if found.kind == "gone":
        return f"is never {_list(_gone(now, before, bins))}, as {found.size:.1%} of training rows are"
    return f"stands still near {_median(now, bins):.3g}"


def _drift(found: Size, now: Ints, before: Ints, bins: Bins) -> str:
    if found.kind == "relation":
        return f"left their usual relation by {found.size:.2f} standard deviations"
    if bins.role == "text":
        return f"changed category in {found.size:.1%} of rows: {_moved(now, before, bins)}"
    change = f"median {_median(before, bins):.3g} in training, {_median(now, bins):.3g} now"
    return f"moved by {found.size:.2f} standard deviations, {change}"


def day(ordinal: int) -> str:
    """2026-05-01, of days since 1970."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=ordinal)).isoformat()


def _target(found: Size, info: ModelInfo, known: Floats, usual: Floats) -> str:
    name = info.schema.target
    if not info.classes:
        return f"`{name}` moved by {found.size:.2f} standard deviations of the training rows"
    at = int(found.column.split(" ")[1]) if " " in found.column else 1
    share, before = known[1 + at] / known[0], usual[1 + at] / usual[0]
    return f"`{name}` is {info.classes[at]} in {share:.1%} of {known[0]:.0f} outcomes, {before:.1%} in training"


def _allowed(column: Column) -> str:
    if column.categories:
        return f"the {len(column.categories)} categories of the schema"
    low, high = ("any" if bound is None else f"{bound:g}" for bound in (column.low, column.high))
    return f"{low} to {high} {column.unit}".strip()


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
