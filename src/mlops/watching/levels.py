"""From which size on a finding is an alarm: calibrated on past windows of the training data, all columns together.

Every window of the training days is compared with the other training days, just as production will be compared with all
of them. A size is divided by its root mean square over the windows that don't overlap, so that columns which vary from
week to week by nature (weather) have high levels and steady ones (airports) low levels. The largest such ratio of a
window, over all columns, is what false alarms are made of; the level is its upper prediction limit.

References
----------
- Westfall, Young 1993, "Resampling-based multiple testing", section 2.6: the distribution of the maximum over dependent
  statistics holds the rate of any false alarm.
- Gumbel 1958, "Statistics of Extremes", section 5.2: the limiting distribution of a maximum, fitted by its moments,
  quantile = mean + sqrt(6)/pi s (-gamma - log(-log(1 - p))).
- Hahn, Meeker 1991, "Statistical Intervals", section 4.7: a limit for one future observation widens s by
  sqrt(1 + 1/n); here n is the number of windows that don't overlap.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops.judging.metrics import Floats, Ints
from mlops.watching import drift, quality
from mlops.watching.counts import Daily, sums
from mlops.watching.layout import OUTSIDE, Layout
from mlops.watching.sizes import ROWS, SMALLEST, Key, Size, measure, smallest

FEWEST_WINDOWS = 10  # that don't overlap; longer windows get the levels of the longest of which so many fit
FAMILIES = {"fault": 0.4, "drift": 0.4, "target": 0.2}  # shares of the false alarms that are allowed
LEAST_RATIO = 2.0
SEED = 20130501


@dataclass(frozen=True)
class Levels:
    """For windows of `length` days: level of each finding; `windows` how many that don't overlap it rests on, each of
    `calibrated` days; `target` the level of each rate, shape (k,), and `usual` what it is compared with.
    """

    length: int
    calibrated: int
    windows: float
    found: dict[Key, float]
    target: Floats
    usual: Floats


def calibrate(train: Daily, plan: Layout, length: int, n_rows: int, false_alarms: float, timed: bool = True) -> Levels:
    """The levels for a window of `length` days and `n_rows` rows.

    Parameters
    ----------
    false_alarms
        The share of ordinary windows in which anything at all may alarm.
    timed
        False where days fell by lot: then any window is as good as a day, and volume says nothing.
    """
    days = len(train.days)
    span = max(1, min(length, days // FEWEST_WINDOWS)) if timed else 1
    starts = np.arange(days - span + 1)
    sizes = measure(*_past(train, span, n_rows), plan)
    if timed:
        sizes["volume", ROWS] = quality.volume(train.rows, starts, span)
    apart = np.abs(starts[:, None] - starts) >= span
    independent = max(days / span, 2.0)
    found: dict[Key, float] = {}
    for family in ("fault", "drift"):
        chosen = [key for key in sizes if (key[0] in SMALLEST) == (family == "fault") and not _often_frozen(key, sizes)]
        values = np.column_stack([sizes[key] for key in chosen])
        least = np.array([smallest(key, plan) for key in chosen])
        ratio = _ratio(values, least, apart, independent, false_alarms * FAMILIES[family])
        level = np.maximum(least, ratio * np.sqrt((values**2).mean(0)))
        found |= dict(zip(chosen, level.tolist(), strict=True))
    target = _rates(train, span, length, independent, false_alarms * FAMILIES["target"])
    usual = drift.rates(train.target.sum(0), train.target.shape[-1] == 3)
    return Levels(length, span, independent, found, target, usual)


def _past(train: Daily, span: int, n_rows: int) -> tuple[dict[str, Ints], dict[str, Ints]]:
    """Counts of every past window with `n_rows` rows at most, and of the days outside of it, by column."""
    random = np.random.default_rng(SEED)
    fewer = n_rows < 0.8 * float(np.median(sums(train.rows[:, None], span)))
    window: dict[str, Any] = {}
    usual: dict[str, Any] = {}
    for name, counts in train.columns.items():
        whole = sums(counts, span)
        usual[name] = counts.sum(0) - whole
        window[name] = _thinned(whole, n_rows, random) if fewer else whole
    return window, usual


def _rates(train: Daily, span: int, length: int, independent: float, false_alarms: float) -> Floats:
    """Level of the change of each rate over `length` days: Student's t of the windows' spread, which shrinks with
    the square root of the days. Two-sided.
    """
    from scipy.stats import t

    rates = drift.rates(sums(train.target, span), train.target.shape[-1] == 3)
    spread = rates.std(0) * np.sqrt(independent / (independent - 1))
    tail = float(t.isf(false_alarms / 2 / rates.shape[-1], independent - 1))
    return np.asarray(tail * spread * np.sqrt(span / length + 1 / independent))


def _often_frozen(key: Key, sizes: dict[Key, Floats]) -> bool:
    """A column that stands still in some past window can't alarm by standing still."""
    return key[0] == "frozen" and bool(sizes[key].any())


def _ratio(values: Floats, least: Floats, apart: Floats, independent: float, false_alarms: float) -> float:
    """Upper prediction limit of the largest size of a window, in root mean squares of the other windows."""
    others = np.maximum(apart.sum(1, keepdims=True), 1)
    usual = np.sqrt(apart @ values**2 / others)
    ratios = (values / np.maximum(usual, least / LEAST_RATIO)).max(axis=1)
    spread = ratios.std() * np.sqrt(independent / (independent - 1) * (1 + 1 / independent))
    standard = -np.euler_gamma - np.log(-np.log1p(-false_alarms))
    return max(LEAST_RATIO, float(ratios.mean() + np.sqrt(6) / np.pi * standard * spread))


def _thinned(window: Ints, n_rows: int, random: np.random.Generator) -> Ints:
    """A random draw of `n_rows` of each window's rows, as fewer rows are further from the usual by chance alone."""
    outside = window[:, OUTSIDE].copy()
    kept = window.copy()
    kept[:, OUTSIDE] = 0
    total = kept.sum(1)
    kept = np.stack([random.multivariate_hypergeometric(row, min(n_rows, row.sum())) for row in kept])
    kept[:, OUTSIDE] = np.round(outside * kept.sum(1) / np.maximum(total, 1))
    return kept


def check(window: Daily, train: Daily, plan: Layout, levels: Levels, rows_before: float | None = None) -> list[Size]:
    """Everything that could be found in a window, the most unusual first.

    Parameters
    ----------
    rows_before
        Rows a day in the days before the window, where they are known.
    """
    totals = {name: counts.sum(0, keepdims=True) for name, counts in window.columns.items()}
    usual = {name: counts.sum(0) for name, counts in train.columns.items()}
    sizes = {key: float(size[0]) for key, size in measure(totals, usual, plan).items()}
    if rows_before:
        sizes["volume", ROWS] = abs(float(np.log(max(window.rows.sum(), 0.5) / levels.length / rows_before)))
    found = [Size(*key, sizes[key], level) for key, level in levels.found.items() if key in sizes]
    return sorted([*found, *_targets(window, levels)], key=lambda one: -one.size / one.level)


def _targets(window: Daily, levels: Levels) -> Iterable[Size]:
    """The rates of outcomes; few outcomes widen their levels by the binomial error of a log share."""
    known = window.target.sum(0)
    if known[0] == 0:
        return
    binary = len(known) == 3
    rates = drift.rates(known, binary)
    if len(known) == 2:
        errors = 1 / np.sqrt(known[0])
    else:
        hits = known[2 if binary else 1 :]
        errors = np.sqrt((1 - hits / known[0]) / np.maximum(hits, 0.5))
    for i, rate in enumerate(rates):
        level = float(np.hypot(levels.target[i], 2 * np.broadcast_to(errors, rates.shape)[i]))
        name = "target" if len(rates) == 1 else f"target {i}"
        yield Size("target", name, abs(float(rate - levels.usual[i])), level)
