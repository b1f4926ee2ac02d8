"""Which rows are the test: the newest period, so that a model is judged on a future that it hasn't seen."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops import rows as row
from mlops.contract import BadInput, Schema
from mlops.params import Prepare
from mlops.training import sample

PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}


def is_test(rows: pd.DataFrame, schema: Schema, limits: Prepare) -> NDArray[np.bool_]:
    """Mask of the test rows, shape (n_rows,).

    With a time column: all rows of the newest `limits.test_period` in the schema's zone. Without: those whose hash
    falls below `limits.test_share`, so that a row stays on its side when others come.

    Raises
    ------
    BadInput
        One of the two sides would be empty, or the target constant in training.
    """
    if schema.time:
        periods = row.local(rows[schema.time], schema.zone).dt.to_period(PERIODS[limits.test_period])
        test = np.asarray(periods == periods.max())
    else:
        test = row.fraction(row.identity(rows, schema), sample.TEST_SALT) < limits.test_share
    if test.all() or not test.any():
        raise BadInput(
            f"data/: the split leaves {int((~test).sum())} rows to train and {int(test.sum())} to test; add data, "
            f"or change prepare.{'test_period' if schema.time else 'test_share'} in params.yaml"
        )
    if rows.loc[~test, schema.target].nunique() < 2:
        raise BadInput(
            f"data/: column '{schema.target}', the target, has one value only in the {int((~test).sum())} training "
            f"rows ({rows.loc[~test, schema.target].iloc[0]!r}): nothing to learn; add rows with other values"
        )
    return test


def split(rows: pd.DataFrame, schema: Schema, limits: Prepare) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows, with one boolean column a sample (``sample 0``, ...), and test rows, capped by hash.

    Training rows in no sample are left out. ``attrs["sample"]`` says what the samples were taken from.
    """
    hashes, test = row.identity(rows, schema), is_test(rows, schema, limits)
    cap = sample.draw(hashes, sample.halvings(int(test.sum()), limits.test_rows), sample.CAP_SALT)
    k = sample.halvings(int((~test).sum()), limits.sample_rows, limits.samples)
    marks = {
        f"{sample.MARK}{number}": sample.draw(hashes, k, sample.FIRST_SALT + number)[~test]
        for number in range(limits.samples)
    }
    train = rows.loc[~test].assign(**marks)
    train = train.loc[train[list(marks)].any(axis=1)]
    train.attrs["sample"] = {"of": int((~test).sum()), "halvings": k}
    return train, rows.loc[test & cap].copy()
