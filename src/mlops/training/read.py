"""Partitions of a data folder as DataFrames typed by the schema."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops.contract import BadInput, Schema

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


def partitions(folder: Path) -> list[Path]:
    """The data files of a folder, sorted by name.

    Raises
    ------
    BadInput
        The folder is missing, holds no data file, or holds a file that is neither Parquet nor CSV.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    strange = [path for path in files if path.suffix not in (".parquet", ".csv")]
    if strange:
        raise BadInput(f"{strange[0]}: data comes as .parquet or .csv; convert it, or move it out of {folder}/")
    if not files:
        raise BadInput(f"{folder}/ holds no .parquet or .csv file; run `dvc pull`, or add data and `dvc add {folder}`")
    return files


def partition(path: Path, schema: Schema) -> tuple[pd.DataFrame, list[str]]:
    """Rows of one file in the schema's columns and types, and what is wrong with its columns.

    A value that can't be read as its column's type becomes missing and is named in the complaints; columns that the
    file lacks are left out.
    """
    raw = _parse(path, schema)
    complaints = [
        f"{path}: column '{name}' isn't in the schema; add it there with the role 'ignored', or remove it"
        for name in raw.columns.difference(list(schema.columns))
    ]
    rows = pd.DataFrame(index=raw.index)
    for name, column in schema.columns.items():
        if name in raw:
            rows[name] = _typed(raw[name], column.type, schema.zone)
            lost = raw[name][rows[name].isna() & raw[name].notna()]
            if len(lost):
                complaints.append(
                    f"{path}: column '{name}': {_count(lost)} no {column.type}, such as {shown(lost)}; "
                    "mend the values, or the type in src/problem/schema.py"
                )
        elif "ignored" not in column.roles:
            complaints.append(
                f"{path}: column '{name}' is missing (found: {', '.join(map(str, raw.columns))}); "
                "add it, or take it out of src/problem/schema.py"
            )
    return rows, complaints


def md5(path: Path) -> str:
    """The digest under which DVC knows the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def shown(values: "pd.Series[Any]", most: int = 3) -> str:
    """The first few distinct values, for a message."""
    distinct = values.drop_duplicates()
    return ", ".join(repr(value) for value in distinct.head(most)) + (", ..." if len(distinct) > most else "")


def _count(values: "pd.Series[Any]") -> str:
    return "1 value is" if len(values) == 1 else f"{len(values)} values are"


def _parse(path: Path, schema: Schema) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            rows = pq.read_table(path).to_pandas()
        else:
            rows = _parse_csv(path, schema)
    except UnicodeDecodeError as error:
        at = f"byte {error.start} ({error.object[error.start : error.end]!r})"
        raise BadInput(f"{path}: not UTF-8 at {at}; save the file as UTF-8") from None
    except (pa.ArrowInvalid, OSError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadInput(f"{path}: can't be read ({error}); write the file again, or `dvc pull` it") from None
    if rows.empty:
        raise BadInput(f"{path}: holds no rows; remove the file, or fill it")
    if path.suffix == ".csv" and not isinstance(rows.index, pd.RangeIndex):  # pandas took the first for an index
        raise BadInput(f"{path}: the rows have more fields than the header; name every column")
    return rows


def _parse_csv(path: Path, schema: Schema) -> pd.DataFrame:
    """Texts as they stand, so that "007" is no number and "NA" not missing; elsewhere the usual words for missing."""
    texts = [name for name, column in schema.columns.items() if column.type == "text"]
    missing = {name: [""] if name in texts else MISSING for name in schema.columns}
    return pd.read_csv(path, dtype=dict.fromkeys(texts, "str"), keep_default_na=False, na_values=missing)


def _typed(values: "pd.Series[Any]", type: str, zone: str) -> "pd.Series[Any]":
    if type == "text":
        return values.astype("str").where(values.notna())
    if type == "timestamp":
        return _times(values, zone)
    if type == "boolean":
        values = values.astype(object).replace({"true": 1, "false": 0, "True": 1, "False": 0, True: 1, False: 0})
    numbers = pd.to_numeric(values, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    return numbers if type == "number" else numbers.where(numbers == numbers.round())


def _times(values: "pd.Series[Any]", zone: str) -> "pd.Series[Any]":
    """Moments in UTC, so that files agree; those without an offset are local times in `zone`."""
    if pd.api.types.is_numeric_dtype(values):  # pandas would count nanoseconds since 1970, even for 20130131
        values = pd.Series(pd.NaT, index=values.index)
    format = "mixed" if values.dtype == object else None
    try:
        times = pd.to_datetime(values, errors="coerce", format=format)
    except ValueError:  # offsets differ, as they do across the start of summer time
        times = pd.to_datetime(values, errors="coerce", format=format, utc=True)
    if times.dt.tz is None:
        times = times.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return times.dt.tz_convert("UTC")
