"""What rows look like, column by column: the baseline that reports and monitoring compare with."""

from typing import Any

import numpy as np
import pandas as pd

from mlops.contract import Profile, Schema, Summary

QUANTILES = np.linspace(0, 1, 21)
MOST_FREQUENT = 200


def describe(rows: pd.DataFrame, schema: Schema) -> Profile:
    """Summarise every column of `rows` that the schema names and that isn't a timestamp."""
    names = [name for name in rows.columns if name in schema.columns and schema.columns[name].type != "timestamp"]
    return Profile(rows=len(rows), columns={name: _summary(rows[name]) for name in names})


def _summary(values: "pd.Series[Any]") -> Summary:
    present = values.dropna()
    missing = len(values) - len(present)
    if not pd.api.types.is_numeric_dtype(values):
        counts = present.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        top = counts.head(MOST_FREQUENT)
        return Summary(
            missing=missing, counts={str(k): int(v) for k, v in top.items()}, other=int(counts[MOST_FREQUENT:].sum())
        )
    if present.empty:
        return Summary(missing=missing)
    numbers = present.to_numpy(np.float64)
    return Summary(
        missing=missing,
        mean=_rounded(numbers.mean()),
        std=_rounded(numbers.std()),
        quantiles=[_rounded(value) for value in np.quantile(numbers, QUANTILES)],
    )


def _rounded(value: float) -> float:
    """Six significant digits: enough to compare, and free of the last bits that depend on the processor."""
    return float(f"{value:.6g}")
