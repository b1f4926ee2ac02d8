"""What may not get worse beside the mean: slices; and what is too good to be true."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from mlops.artifact import Predictor, Rows
from mlops.judging import metrics
from mlops.judging.comparison import Difference, Evidence, Resamples
from mlops.judging.metrics import Floats
from mlops.judging.record import Importance, Slice
from mlops.params import Judge

MOST_SLICES, MOST_RECORDS = 100, 1000
IMPORTANCE_ROWS = 1000


def slices(evidence: Evidence, resamples: Resamples, limits: Judge) -> list[Slice]:
    """Difference of the loss in every slice, worst first.

    A slice is broken if it is worse by more than `slice_margin` of the base's loss, with all slices' chance to be
    called so by mistake kept at 1 - confidence together.

    References
    ----------
    Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    margin = limits.slice_margin * float(evidence.losses[0].mean())
    found: list[Slice] = []
    for column, values in evidence.slices.items():
        names, code, counts = np.unique(values.astype(str), return_inverse=True, return_counts=True)
        big = np.argsort(-counts, kind="stable")[:MOST_SLICES]
        change, rows, blocks = _by_group(evidence, resamples, code, len(names))
        low, high = change.interval(limits.confidence)
        for i in big:
            enough = rows[i] >= limits.slice_rows and blocks[i] >= limits.slice_blocks
            p = (
                float(stdtr(blocks[i] - 1, (margin - change.value[i]) / max(change.error[i], 1e-12)))
                if enough
                else None
            )
            found.append(
                Slice(
                    column=column, value=str(names[i])[:100], rows=int(rows[i]),
                    base=float(change.base[i]), head=float(change.head[i]), difference=float(change.value[i]),
                    low=float(low[i]) if blocks[i] > 1 else None, high=float(high[i]) if blocks[i] > 1 else None,
                    p=p, broken=False,
                )
            )  # fmt: skip
    return sorted(_holm(found, 1 - limits.confidence), key=lambda row: -row.difference)[:MOST_RECORDS]


def _by_group(
    evidence: Evidence, resamples: Resamples, code: NDArray[np.intp], n_groups: int
) -> tuple[Difference, Floats, NDArray[np.int64]]:
    """Difference of the mean loss in every group of rows, its number of rows, and of blocks that it stands in."""
    where, n_blocks = evidence.block * n_groups + code, evidence.n_blocks

    def sums(weights: Floats | None) -> Floats:
        return np.bincount(where, weights, n_blocks * n_groups).reshape(n_blocks, n_groups).astype(np.float64)

    counts = sums(None)
    rows = counts.sum(axis=0)
    drawn = resamples.blocks @ counts
    base, head = evidence.losses
    with np.errstate(invalid="ignore", divide="ignore"):
        changes = np.stack([resamples.blocks @ sums(h - b) / drawn for b, h in zip(base, head, strict=True)])
    means = [sums(side.mean(axis=0)).sum(axis=0) / rows for side in (base, head)]
    difference = Difference(means[0], means[1], resamples.mean(changes), resamples.widening)
    return difference, rows, (counts > 0).sum(axis=0)


def _holm(found: list[Slice], level: float) -> list[Slice]:
    judged = sorted((i for i, row in enumerate(found) if row.p is not None), key=lambda i: found[i].p or 0.0)
    for rank, i in enumerate(judged):
        if (found[i].p or 0.0) > level / (len(judged) - rank):
            break
        found[i] = msgspec.structs.replace(found[i], broken=True)
    return found


def importance(model: Predictor, rows: Rows, target: NDArray[Any]) -> dict[str, float]:
    """Share of all inputs' importance that each one has: the rise of the loss when its values are shuffled.

    References
    ----------
    Breiman 2001, "Random forests", section 10: permutation importance.
    """
    schema, task = model.info.schema, model.info.task
    random = np.random.default_rng(0)
    chosen = random.permutation(len(target))[:IMPORTANCE_ROWS]
    few = {name: np.asarray(rows[name])[chosen] for name in schema.inputs}
    order = random.permutation(len(chosen))
    usual = metrics.loss(task, target[chosen], model.predict(few)).mean()
    rises = {}
    for name in schema.inputs:
        shuffled = model.predict({**few, name: few[name][order]})
        rises[name] = max(0.0, float(metrics.loss(task, target[chosen], shuffled).mean() - usual))
    total = sum(rises.values()) or 1.0
    return {name: rise / total for name, rise in rises.items()}


def compare_importance(base: Mapping[str, float], head: Mapping[str, float]) -> list[Importance]:
    """Inputs of the head, most important first."""
    ranked = sorted(head.items(), key=lambda item: -item[1])
    return [Importance(input=name, base=base.get(name), head=share) for name, share in ranked[:MOST_RECORDS]]


def suspicions(gain: float, better: bool, importances: Sequence[Importance], limits: Judge) -> list[str]:
    """Why a better model is too good to be true; empty where it isn't.

    `gain` is the share by which the loss fell. Dominance of an input counts where it is new: an input that carried
    the base's model just as much was there before.
    """
    if not better:
        return []
    found = [
        f"'{row.input}' alone carries {row.head:.0%} of the model's skill"
        + (" and is a new input" if row.base is None else f" ({row.base:.0%} before)")
        for row in importances
        if row.head > limits.max_carried and (row.base or 0.0) <= limits.max_carried
    ]
    if gain > limits.max_gain:
        found.append(f"the loss falls by {gain:.0%}, more than judge.max_gain = {limits.max_gain:.0%} calls plausible")
    return found
