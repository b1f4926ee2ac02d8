"""Two sides, several trainings each, the same test rows: how much do they differ, and how sure is that?

Rows of the same days aren't independent, and one training isn't a method: so intervals come from resampling blocks
of rows and trainings together.

References
----------
- Owen, Eckles 2012, "Bootstrapping data arrays of arbitrary order": both ways of a table (rows x trainings).
- Künsch 1989, "The jackknife and the bootstrap for general stationary observations": blocks for dependent rows.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops.contract import Task
from mlops.judging import metrics
from mlops.judging.metrics import Floats, Ints, Metric
from mlops.judging.record import Estimate

MOST_BLOCKS = 500
SEED = 20130501


@dataclass(frozen=True)
class Evidence:
    """Targets (n_rows,), predictions of each side (n_trainings, n_rows, n_outputs), block of each row (n_rows,).

    `slices` maps a column to its values as text, shape (n_rows,).
    """

    task: Task
    target: NDArray[Any]
    base: Floats
    head: Floats
    block: Ints
    slices: dict[str, NDArray[np.object_]]

    @cached_property
    def n_blocks(self) -> int:
        return int(self.block.max()) + 1

    @cached_property
    def losses(self) -> tuple[Floats, Floats]:
        """Loss of every training and row, base and head, each of shape (n_trainings, n_rows)."""
        base, head = (
            np.stack([metrics.loss(self.task, self.target, predicted) for predicted in side])
            for side in (self.base, self.head)
        )
        return base, head


@dataclass(frozen=True)
class Resamples:
    """How often each block (n_resamples, n_blocks) and training (n_resamples, n_trainings; rows sum to 1) was drawn.

    `widening` makes up for the spread that a bootstrap of few blocks and few trainings loses: each of the two sample
    variances is too small by (n - 1) / n.
    """

    blocks: Floats
    trainings: Floats
    widening: float

    @classmethod
    def draw(cls, n_blocks: int, n_trainings: int, count: int) -> "Resamples":
        """A single training on each side is a fixed model: then blocks alone are resampled."""
        random = np.random.default_rng(SEED)
        blocks = random.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=count).astype(np.float64)
        trainings = random.multinomial(n_trainings, np.full(n_trainings, 1 / n_trainings), size=count) / n_trainings
        widening = np.sqrt(np.prod([n / (n - 1) for n in (n_blocks, n_trainings) if n > 1]))
        return cls(blocks, trainings, float(widening))

    def mean(self, per_training: Floats) -> Floats:
        """Average (n_trainings, n_resamples, ...) values over each resample's own draw of trainings."""
        return np.einsum("rj,jr...->r...", self.trainings, per_training)


@dataclass(frozen=True)
class Difference:
    """Head minus base: point estimates, and the resampled differences around it, shape (n_resamples, ...)."""

    base: Any
    head: Any
    samples: Floats
    widening: float

    @property
    def value(self) -> Any:
        return self.head - self.base

    @property
    def error(self) -> Any:
        """Standard error."""
        return self.widening * np.nanstd(self.samples, axis=0)

    def interval(self, confidence: float) -> tuple[Any, Any]:
        """Percentiles of the resampled differences, widened around the estimate."""
        tails = np.nanquantile(self.samples, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
        low, high = self.value + self.widening * (tails - self.value)
        return low, high


def difference(metric: Metric, evidence: Evidence, resamples: Resamples) -> Difference:
    """Difference of a metric, averaged over trainings."""
    points, resampled = [], []
    for side in (evidence.base, evidence.head):
        sums = [metric.sums(evidence.target, predicted, evidence.block, evidence.n_blocks) for predicted in side]
        points.append(float(np.mean([metric.value(total.sum(axis=0)) for total in sums])))
        resampled.append(np.stack([metric.value(resamples.blocks @ total) for total in sums]))
    return Difference(points[0], points[1], resamples.mean(resampled[1] - resampled[0]), resamples.widening)


def estimate(metric: Metric, difference: Difference, confidence: float) -> Estimate:
    """The record of a difference."""
    low, high = difference.interval(confidence)
    numbers = {
        "base": difference.base,
        "head": difference.head,
        "difference": difference.value,
        "low": low,
        "high": high,
    }
    finite = {name: float(number) if np.isfinite(number) else None for name, number in numbers.items()}
    return Estimate(name=metric.name, lower_is_better=metric.lower_is_better, **finite)


def detectable(low: float, high: float, confidence: float) -> float:
    """The smallest effect that such an interval excludes from zero in 80 of 100 cases.

    References
    ----------
    Cohen 1988, "Statistical power analysis": effect = (z of the level + z of the power) standard errors.
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2))
    return (high - low) / 2 * (1 + float(ndtri(0.8)) / z)


def blocks_of_days(days: Ints, length: int) -> Ints:
    """Block of each row, counted from 0, for day numbers (n_rows,): `length` consecutive local days are one block."""
    _, block = np.unique((days - days.min()) // length, return_inverse=True)
    return np.asarray(block, dtype=np.int64)


def blocks_of_rows(n_rows: int) -> Ints:
    """Rows without a time are independent: each is a block, or, where there are many, an equal share of 500 blocks."""
    return np.arange(n_rows) % MOST_BLOCKS
