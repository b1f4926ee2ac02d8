"""Champion against challenger on what production brought: the judging room's verdict on two fixed models.

In shadow both predicted the same rows, in split each its own rows of the same days. One estimate serves both: the
difference of the mean losses of each day, days weighed by n m / (n + m), where n and m are the two numbers of rows;
blocks of days are resampled. In shadow n = m, and it is the mean of the paired differences; in split a share that
changes midway can't pass the mood of its days off as a difference.

References
----------
- Cochran 1954, "Some methods for strengthening the common chi-squared tests": weights n m / (n + m) over strata.
- Cochran 1977, "Sampling Techniques", chapter 6: the ratio estimator.
- Cameron, Miller 2015, "A practitioner's guide to cluster-robust inference", section VI: whole clusters, here blocks of
  days, are resampled, and where they are few Student's t of one less than their number takes the normal's place.
"""

from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import numpy as np

from mlops.challenge import Challenge
from mlops.contract import ModelInfo, Task
from mlops.judging import comparison, gate, metrics
from mlops.judging.comparison import Difference, Resamples
from mlops.judging.metrics import Floats, Ints
from mlops.judging.record import Estimate
from mlops.params import Judge
from mlops.store import Store
from mlops.watching import performance, traffic
from mlops.watching.performance import Losses
from mlops.watching.record import Challenger
from mlops.watching.traffic import Span

MOST_DAYS = 90


@dataclass(frozen=True)
class Rival:
    """The challenger, and how it is judged: with fewer outcomes than `min_rows` on either side it isn't."""

    challenge: Challenge
    limits: Judge
    min_rows: int


def until_now(store: Store, info: ModelInfo, champion: str, rival: Rival, now: datetime) -> Challenger:
    """Compare up to the newest day that is over."""
    newest = store.newest()
    last = traffic.last_closed(newest.happened if newest else now, now, info.schema.zone)
    return compare(store, info, champion, rival, last)


def compare(store: Store, info: ModelInfo, champion: str, rival: Rival, last: date) -> Challenger:
    """Compare on the days up to `last`, 90 at most, on which both predicted rows whose outcomes are known."""
    wanted, span = rival.challenge, Span.until(last, MOST_DAYS, info.schema.zone)
    arms = dict.fromkeys((champion, wanted.version), Losses.none())
    for part in store.rivals(span.start, span.end, champion, wanted.version, wanted.mode == "shadow"):
        for version in arms:
            found = [(at, output, outcome) for name, at, output, outcome in part if name == version]
            if found:
                arms[version] += performance.losses(traffic.answers(found, info), info.task)
    return judge(arms[champion], arms[wanted.version], info.task, rival)


def judge(champion: Losses, challenger: Losses, task: Task, rival: Rival) -> Challenger:
    """The verdict on the losses of both by day."""
    days, *at = np.intersect1d(champion.days, challenger.days, return_indices=True)
    sides = list(zip((champion, challenger), at, strict=True))
    rows, totals = (np.stack([getattr(side, name)[where] for side, where in sides]) for name in ("rows", "total"))
    block = comparison.blocks_of_days(days, rival.limits.block) if len(days) else days
    found = Challenger(
        version=rival.challenge.version, mode=rival.challenge.mode, verdict="inconclusive",
        rows=int(rows[1].sum()), blocks=len(np.unique(block)),
    )  # fmt: skip
    if rows.sum(axis=1).min() < rival.min_rows or found.blocks < rival.limits.slice_blocks:
        return found
    loss = difference(rows, totals, block, task, rival.limits)
    return msgspec.structs.replace(
        found, verdict=gate.verdict(loss, []), champion=loss.base, challenger=loss.head,
        difference=loss.difference, low=loss.low, high=loss.high,
    )  # fmt: skip


def difference(rows: Ints, totals: Floats, block: Ints, task: Task, limits: Judge) -> Estimate:
    """Challenger less champion, of the rows and the sums of losses of each by day (2, n_days), and each day's block."""
    from scipy.stats import norm, t

    loss, weight = metrics.by_task(task)[0], rows.prod(axis=0) / rows.sum(axis=0)
    days = [np.column_stack([weight * mean, weight]) for mean in totals / rows]
    sums = [metrics.block_sums(side, block, int(block.max()) + 1) for side in days]
    resamples, tail = Resamples.draw(len(sums[0]), 1, limits.resamples), (1 - limits.confidence) / 2
    champion, challenger = (float(loss.value(side.sum(axis=0))) for side in sums)
    before, after = (loss.value(resamples.blocks @ side) for side in sums)
    few = float(t.isf(tail, len(sums[0]) - 1) / norm.isf(tail))
    found = Difference(champion, challenger, after - before, resamples.widening * few)
    return comparison.estimate(loss, found, limits.confidence)
