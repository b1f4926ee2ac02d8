"""The loss in production against the loss on the test at release.

Rows of the same days aren't independent, so the unit is the block of days that the judge resamples, too. A window of a
week has two or three of them, too few for a bootstrap: so Student's t, with the spread of both sides pooled.

References
----------
- Student 1908, Biometrika 6; pooled variance as in Snedecor, Cochran 1989, "Statistical Methods", section 6.8.
- Cochran 1977, "Sampling Techniques", section 6.4: the variance of a mean over clusters of unequal size.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops.contract import Task
from mlops.judging import metrics
from mlops.judging.metrics import Ints
from mlops.watching.counts import Batch
from mlops.watching.record import Performance


@dataclass(frozen=True)
class Losses:
    """By local day `days` (n_days,), in order: known outcomes, sum of losses, sum of squared losses."""

    days: Ints
    rows: Ints
    total: NDArray[Any]
    squares: NDArray[Any]

    @property
    def known(self) -> int:
        return int(self.rows.sum())

    @property
    def mean(self) -> float:
        return float(self.total.sum() / self.rows.sum())

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


def compare(window: Losses, test: Losses, block: int, confidence: float) -> Performance | None:
    """Window less test; None where there are fewer than two days with outcomes, or no spread to be seen."""
    if len(window.days) < 2 or len(test.days) < 2:
        return None
    from scipy.stats import t

    sides = [_blocks(side, block) for side in (window, test)]
    freedom = sum(count - 1 for count, _ in sides)
    if freedom < 1:
        return None
    pooled = sum((count - 1) * variance for count, variance in sides) / freedom
    effective = [len(side.days) / block for side in (window, test)]
    error = float(np.sqrt(pooled * sum(1 / count for count in effective)))
    difference, half = window.mean - test.mean, float(t.isf((1 - confidence) / 2, freedom)) * error
    return Performance(
        loss=window.mean, released=test.mean, difference=difference, low=difference - half, high=difference + half,
        blocks=effective[0], outcomes=window.known,
    )  # fmt: skip


def _blocks(side: Losses, length: int) -> tuple[int, float]:
    """How many blocks there are, and the variance of their mean loss, weighted by their rows."""
    block = (side.days - side.days[0]) // length
    _, at = np.unique(block, return_inverse=True)
    rows, total = (np.bincount(at, values) for values in (side.rows, side.total))
    if len(rows) < 2:
        return 1, 0.0
    residual = (total - side.mean * rows) / rows.mean()
    return len(rows), float((residual**2).sum() / (len(rows) - 1))
