"""Faults of the data, measured: sizes are shares of rows, from counts of windows (n_windows, n_bins) by bin.

`usual` holds the counts of what the windows are compared with: (n_bins,), or one row a window.
"""

import numpy as np

from mlops.judging.metrics import Floats, Ints
from mlops.watching.layout import FIRST, MISSING, OUTSIDE, Bins

KINDS = ("missing", "range", "category", "gone", "frozen", "volume")
COMMON = 0.01  # share of the training rows from which on a category's absence is noticed
BEFORE = 28  # days before a window with which its volume is compared


def effects(window: Ints, usual: Ints, bins: Bins) -> dict[str, Floats]:
    """Size of each fault, shape (n_windows,).

    How much larger the missing share is, which share of rows lies outside the schema's range or has an unseen
    category, which share of the training rows has a category that is gone, and whether (1 or 0) a number that should
    vary doesn't.
    """
    rows, before = total(window), total(usual)
    found = {
        "missing": window[..., MISSING] / rows - usual[..., MISSING] / before,
        "range": window[..., OUTSIDE] / rows,
    }
    present, known = window[..., FIRST:], usual[..., FIRST:]
    if bins.role == "text":
        share = known / before[..., None]
        found["category"] = np.where(known == 0, present, 0).sum(-1) / rows
        found["gone"] = np.where((present == 0) & (share >= COMMON), share, 0).sum(-1)
    else:
        frozen = (present.max(-1) == present.sum(-1)) & (present.sum(-1) > 0) & ((known > 0).sum(-1) > 1)
        found["frozen"] = frozen.astype(np.float64)
    return found


def total(counts: Ints) -> Floats:
    """Rows, shape (...,), at least 1: what lies outside the range is counted in its own bin already."""
    return np.maximum(counts.sum(-1) - counts[..., OUTSIDE], 1).astype(np.float64)


def volume(rows: Ints, starts: Ints, length: int) -> Floats:
    """|log(rows a day / rows a day in the 28 days before)| of windows that begin at `starts` in the daily `rows`.

    Windows with fewer than 7 days before them count as usual.
    """
    so_far = np.concatenate([[0], np.cumsum(rows)])
    before = np.minimum(starts, BEFORE)
    now = (so_far[starts + length] - so_far[starts]) / length
    usual = (so_far[starts] - so_far[starts - before]) / np.maximum(before, 1)
    return np.where(before >= 7, np.abs(np.log(np.maximum(now, 0.5) / np.maximum(usual, 0.5))), 0.0)
