"""How far a window's distribution is from the usual one, as effect sizes that don't grow with the number of rows.

References
----------
- Villani 2009, "Optimal Transport", section 6: the Wasserstein-1 distance; on a line it is the area between the two
  distribution functions (Vallender 1974). Here in standard deviations of the training rows, so that a mere shift of
  the mean gives Cohen's d.
- Levin, Peres 2017, "Markov Chains and Mixing Times", section 4.1: total variation, the largest difference of the
  probability of any set of categories.
"""

import numpy as np

from mlops.judging.metrics import Floats, Ints
from mlops.watching.layout import FIRST, Bins


def effect(window: Ints, usual: Ints, bins: Bins) -> Floats:
    """Distance of each window (n_windows, n_bins) from `usual`, shape (n_windows,); 0 where no value is present."""
    present, known = window[..., FIRST:].astype(np.float64), usual[..., FIRST:].astype(np.float64)
    empty = (present.sum(-1) == 0) | (known.sum(-1) == 0)
    difference = _shares(present) - _shares(known)
    if bins.role == "text":
        distance = np.abs(difference).sum(-1) / 2
    else:
        widths = np.diff(bins.edges) / bins.std
        inner = np.cumsum(difference, axis=-1)[..., :-1]  # of the distribution functions, at the edges
        distance = np.abs((inner[..., 1:] + inner[..., :-1]) / 2) @ widths if len(widths) else np.zeros(empty.shape)
    return np.where(empty, 0.0, distance)


def _shares(counts: Floats) -> Floats:
    return counts / np.maximum(counts.sum(-1, keepdims=True), 1)


def rates(target: Floats, binary: bool) -> Floats:
    """What outcomes are compared by, of sums (..., 1 + k): the log of each class's share, less the first class of two,
    as rates vary by factors rather than by points; or the mean of a regression's standardised target.
    """
    known = np.maximum(target[..., :1], 1)
    if target.shape[-1] == 2:
        return target[..., 1:] / known
    return np.log((target[..., 2 if binary else 1 :] + 0.5) / (known + 1))
