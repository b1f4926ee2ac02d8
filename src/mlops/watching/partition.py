"""Rows as the service stored them -> a Parquet file of the kind that the data has already."""

import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops.contract import Schema

TYPES = {
    "number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "text": pa.large_string(),
    "timestamp": pa.timestamp("us", "UTC"),
}  # fmt: skip


def parquet(rows: pd.DataFrame, schema: Schema, like: pa.Schema | None = None) -> bytes:
    """The schema's columns, typed as in `like`, where their values allow it, or as the schema says.

    What fits neither type stays as it came, for validation to name. What is `ignored` and has no value is left out.
    """
    empty = {name for name in schema.having("ignored") if name in rows and rows[name].isna().all()}
    kept = {name: column for name, column in schema.columns.items() if name in rows and name not in empty}
    arrays = {name: _array(rows[name], column.type, _known(like, name), schema.zone) for name, column in kept.items()}
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer, compression="zstd")
    return buffer.getvalue()


def _array(values: "pd.Series[Any]", type: str, known: pa.DataType | None, zone: str) -> pa.Array:
    if type == "text":
        values = values.where(values != "")  # which is how a request may say that it is missing
    if type == "timestamp":
        times: list[Any] = [_moment(value, zone) for value in values]
        values = pd.Series(pd.to_datetime(times, utc=True))
    came = pa.array(values, from_pandas=True)
    for wanted in (known, TYPES[type]):
        if wanted is not None and not _loses_zone(came.type, wanted):
            try:
                return came.cast(wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                continue
    return came


def _moment(value: datetime | str | None, zone: str) -> datetime | None:
    """Without an offset it is local, as the service takes it."""
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    return time if time is None or time.tzinfo else time.replace(tzinfo=ZoneInfo(zone))


def _known(like: pa.Schema | None, name: str) -> pa.DataType | None:
    return like.field(name).type if like is not None and name in like.names else None


def _loses_zone(came: pa.DataType, wanted: pa.DataType) -> bool:
    """Without its zone, a moment would be read as a local time."""
    return pa.types.is_timestamp(came) and (not pa.types.is_timestamp(wanted) or wanted.tz is None)
