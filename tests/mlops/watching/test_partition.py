import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops.contract import Schema, column
from mlops.training import read, validate
from mlops.watching import partition

SCHEMA = Schema(
    task="binary",
    zone="America/New_York",
    columns={
        "at": column("timestamp", "time"),
        "booked": column("timestamp", "slice", missing=True),
        "miles": column("number", "input"),
        "hour": column("integer", "input", missing=True),
        "site": column("text", "input", missing=True),
        "night": column("boolean", "input"),
        "delay": column("number", "ignored"),
        "late": column("integer", "target"),
    },
)
ROWS = pd.DataFrame(
    {
        "at": pd.to_datetime(["2026-06-01 12:00", "2026-06-01 13:00"], utc=True),
        "booked": ["2026-01-01T05:00:00", "2026-07-01T05:00:00Z"],
        "miles": [10.0, 20.0],
        "hour": [8.0, 9.0],
        "site": ["A", ""],
        "night": [True, False],
        "delay": [None, None],
        "late": [1, 0],
    },
    dtype=object,
).astype({"at": "datetime64[us, UTC]"})
LIKE = pa.schema(
    [("at", pa.timestamp("us", "UTC")), ("miles", pa.int64()), ("hour", pa.int32()), ("site", pa.large_string())]
)


def types(rows=ROWS, like=None):
    return {field.name: field.type for field in pq.read_schema(io.BytesIO(partition.parquet(rows, SCHEMA, like)))}


def test_columns_are_typed_as_in_the_data_that_is_there():
    found = types(like=LIKE)
    assert {name: found[name] for name in LIKE.names} == dict(zip(LIKE.names, LIKE.types, strict=True))


def test_without_such_data_the_schema_says_the_types():
    found = types()
    assert (found["miles"], found["hour"], found["night"]) == (pa.float64(), pa.int64(), pa.bool_())
    assert (found["site"], found["at"]) == (pa.large_string(), pa.timestamp("us", "UTC"))


def test_a_type_that_would_change_a_value_is_not_taken():
    assert types(ROWS.assign(miles=[10.5, 20.0]), LIKE)["miles"] == pa.float64()
    naive = LIKE.set(0, pa.field("at", pa.timestamp("us")))
    assert types(like=naive)["at"] == pa.timestamp("us", "UTC")


def test_what_is_ignored_and_empty_is_left_out_and_an_empty_input_is_not():
    found = types(ROWS.assign(hour=None))
    assert "delay" not in found
    assert found["hour"] == pa.int64()


@pytest.mark.parametrize("like", [None, LIKE])
def test_it_validates_and_reads_as_any_data(tmp_path, like):
    (tmp_path / "new.parquet").write_bytes(partition.parquet(ROWS, SCHEMA, like))
    assert validate.folder(tmp_path, SCHEMA, 0.05)["new.parquet"].profile.rows == 2
    rows, complaints = read.partition(tmp_path / "new.parquet", SCHEMA)
    assert complaints == []
    assert rows["booked"].tolist() == [
        pd.Timestamp("2026-01-01 10:00", tz="UTC"), pd.Timestamp("2026-07-01 05:00", tz="UTC"),
    ]  # fmt: skip
    assert rows["site"].isna().tolist() == [False, True]


def test_the_same_rows_give_the_same_bytes():
    assert partition.parquet(ROWS, SCHEMA, LIKE) == partition.parquet(ROWS.copy(), SCHEMA, LIKE)
