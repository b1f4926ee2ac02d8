"""The loss in production against the loss on the test at release.

Rows of the same days aren't independent, and a week of production or a month of test has too few days to tell how much
a week differs from the next. The training rows have more: the spread of their windows' mean losses says what is usual.

References
----------
- Hahn, Meeker 1991, "Statistical Intervals", section 4.8: prediction interval for the difference of a future mean and
  a known one, t s sqrt(1/m + 1/n), where m and n count windows that don't overlap.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops.contract import Task
from mlops.judging import metrics
from mlops.judging.metrics import Ints
from mlops.watching.counts import Batch, sums
from mlops.watching.levels import FEWEST_WINDOWS
from mlops.watching.record import Performance


@dataclass(frozen=True)
class Losses:
    """By local day `days` (n_days,), in order: known outcomes, sum of losses, sum of squared losses."""

    days: Ints
    rows: Ints
    total: NDArray[Any]
    squares: NDArray[Any]

    @classmethod
    def none(cls) -> "Losses":
        return cls(np.array([], np.int64), np.array([], np.int64), np.array([]), np.array([]))

    @property
    def known(self) -> int:
        return int(self.rows.sum())

    @property
    def mean(self) -> float:
        return float(self.total.sum() / self.rows.sum())

    @property
    def sampling(self) -> float:
        """Variance of the mean, if rows were all that there is to chance."""
        return max(float(self.squares.sum()) / self.known - self.mean**2, 0.0) / self.known

    def __add__(self, other: "Losses") -> "Losses":
        days, at = np.unique(np.concatenate([self.days, other.days]), return_inverse=True)
        sums = [
            np.bincount(at, np.concatenate([getattr(self, name), getattr(other, name)]), len(days))
            for name in ("rows", "total", "squares")
        ]
        return Losses(days, sums[0].astype(np.int64), sums[1], sums[2])

    def by_day(self, confidence: float) -> dict[int, tuple[int, float, float, float]]:
        """Outcomes, mean loss and its interval of each day, by the normal distribution: of that day's rows alone."""
        from scipy.special import ndtri

        mean = self.total / self.rows
        variance = np.maximum(self.squares / self.rows - mean**2, 0)
        half = float(ndtri((1 + confidence) / 2)) * np.sqrt(variance / np.maximum(self.rows - 1, 1))
        return {
            int(day): (int(rows), float(at), float(at - error), float(at + error))
            for day, rows, at, error in zip(self.days, self.rows, mean, half, strict=True)
        }


def losses(batch: Batch, task: Task) -> Losses:
    """Of the rows whose outcome is known."""
    known = batch.where(~np.isnan(batch.target))
    target = known.target if task == "regression" else known.target.astype(np.int64)
    loss = metrics.loss(task, target, known.predicted)
    days, at = np.unique(known.day, return_inverse=True)
    total, squares = (np.bincount(at, values, len(days)) for values in (loss, loss**2))
    return Losses(days, np.bincount(at, minlength=len(days)), total, squares)


def compare(window: Losses, test: Losses, past: Losses, confidence: float, timed: bool = True) -> Performance | None:
    """Window less test, with its interval; None where there are fewer than two days with outcomes.

    Parameters
    ----------
    past
        Losses of the training rows: smaller than others, as the model knows these rows, so their spread is taken in
        proportion to the mean.
    timed
        False where days fell by lot: then rows count, and not days.
    """
    if min(len(side.days) for side in (window, test, past)) < 2:
        return None
    from scipy.stats import t

    span = max(1, min(len(window.days), len(past.days) // FEWEST_WINDOWS)) if timed else 1
    independent = max(len(past.days) / span, 2.0)
    means = sums(past.total[:, None], span)[:, 0] / sums(past.rows[:, None], span)[:, 0]
    spread = means.std() * np.sqrt(independent / (independent - 1)) * test.mean / past.mean
    a_day = past.known / len(past.days)
    lengths = [len(side.days) if timed else side.known / a_day for side in (window, test)]
    variance = spread**2 * sum(span / length for length in lengths) + window.sampling
    difference, half = window.mean - test.mean, float(t.isf((1 - confidence) / 2, independent - 1) * variance**0.5)
    return Performance(
        loss=window.mean, released=test.mean, difference=difference, low=difference - half, high=difference + half,
        windows=independent, outcomes=window.known,
    )  # fmt: skip
