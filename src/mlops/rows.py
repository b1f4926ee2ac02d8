"""Who a row is and when it happened: a stable hash, whatever its position or file, and wall-clock time."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract import Schema

Hashes = NDArray[np.uint64]
GOLDEN_GAMMA = 0x9E3779B97F4A7C15


def identity(rows: pd.DataFrame, schema: Schema) -> Hashes:
    """One hash a row, of the columns of the schema's identity, shape (n_rows,)."""
    return hash_columns(rows, schema.identity)


def hash_columns(rows: pd.DataFrame, names: list[str]) -> Hashes:
    """One hash a row of the columns `names`, independent of the file's types and of the row's position."""
    total = np.zeros(len(rows), dtype=np.uint64)
    for name in names:
        total = _mix(total ^ pd.util.hash_array(_plain(rows[name])))
    return total


def local(times: "pd.Series[pd.Timestamp]", zone: str) -> "pd.Series[pd.Timestamp]":
    """Wall-clock times in `zone`."""
    return times.dt.tz_convert(zone).dt.tz_localize(None)


def _plain(values: "pd.Series[Any]") -> NDArray[np.generic]:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").dt.as_unit("us").dt.tz_localize(None).to_numpy("datetime64[us]")
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy("float64")
    return values.where(values.notna(), "").to_numpy(object)


def fraction(hashes: Hashes, salt: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one a row, independent between salts."""
    salted = hashes + np.uint64((salt + 1) * GOLDEN_GAMMA % 2**64)
    return np.asarray((_mix(salted) >> np.uint64(11)) * 2.0**-53)


def _mix(values: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators")."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))
