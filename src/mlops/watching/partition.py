"""Rows as the service stored them -> a Parquet file of the kind that the data has already."""

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops.contract import Schema

TYPES = {
    "number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "text": pa.large_string(),
    "timestamp": pa.timestamp("us", "UTC"),
}  # fmt: skip


def parquet(rows: pd.DataFrame, schema: Schema, like: pa.Schema | None = None) -> bytes:
    """The columns that hold any value, typed as in `like`, where their values allow it, or as the schema says.

    What fits neither type stays as it came, for validation to name.
    """
    names = [name for name in schema.columns if name in rows and rows[name].notna().any()]
    table = pa.table({name: _array(rows[name], schema.columns[name].type, _known(like, name)) for name in names})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _array(values: "pd.Series[Any]", type: str, known: pa.DataType | None) -> pa.Array:
    if type == "text":
        values = values.where(values != "")  # which is how a request may say that it is missing
    came = pa.array(values, from_pandas=True)
    if type == "timestamp" and not pa.types.is_timestamp(came.type):
        return came  # texts, with an offset or local
    for wanted in (known, TYPES[type]):
        if wanted is not None and not _loses_zone(came.type, wanted):
            try:
                return came.cast(wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                continue
    return came


def _known(like: pa.Schema | None, name: str) -> pa.DataType | None:
    return like.field(name).type if like is not None and name in like.names else None


def _loses_zone(came: pa.DataType, wanted: pa.DataType) -> bool:
    """Without its zone, a moment would be read as a local time."""
    return pa.types.is_timestamp(came) and (not pa.types.is_timestamp(wanted) or wanted.tz is None)
