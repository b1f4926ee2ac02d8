"""Parts of the training rows that settings are measured on: always later rows than those that were learnt."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops import rows as row
from mlops.contract import BadInput, Schema

Fold = tuple[NDArray[np.bool_], NDArray[np.bool_]]
SALT, SAMPLE_SALT = 1000, 1001  # others than those of test and samples


def folds(rows: pd.DataFrame, schema: Schema, number: int) -> list[Fold]:
    """Masks of the rows to learn from and of those to measure on, each of shape (n_rows,).

    With a time column the rows are cut, between local days, into number + 1 spans that are about as large; each fold
    measures on a span what was learnt from all before it. Without: each row is measured on once, by stable hash.

    References
    ----------
    Bergmeir and Benitez 2012, "On the use of cross-validation for time series predictor evaluation".

    Raises
    ------
    BadInput
        A fold would have no rows to learn from, or to measure on.
    """
    if schema.time:
        days = row.local(rows[schema.time], schema.zone).dt.normalize().to_numpy()
        span = np.searchsorted(np.sort(days), days) * (number + 1) // len(days)
        found = [(span < k, span == k) for k in range(1, number + 1)]
        has = f"{len(np.unique(days))} local days"
    else:
        part = (row.fraction(row.identity(rows, schema), SALT) * number).astype(np.int64)
        found = [(part != k, part == k) for k in range(number)]
        has = f"{len(rows)} rows"
    if not all(learn.any() and measure.any() for learn, measure in found):
        raise BadInput(f"params.yaml: search.folds: {has} of training data are too few for {number}; lower it")
    return found


def sampled(rows: pd.DataFrame, schema: Schema, share: float) -> NDArray[np.bool_]:
    """Mask of a share of the rows, by stable hash; a smaller share lies within."""
    return row.fraction(row.identity(rows, schema), SAMPLE_SALT) < share
