"""A stranger's files, before any schema: which type each column has, and the rows in these types."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops.contract import BadInput, Role, Schema, Task, Type, column
from mlops.training import read

BOOLEANS = {"true", "false", "True", "False"}
WHOLE = re.compile(r"[+-]?\d+")
CODE = re.compile(r"0\d+")  # "007" is a name, not a number
DAY = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T].*)?")


@dataclass(frozen=True)
class Wish:
    """What a person said of the table; `keep` are columns to take as inputs, whatever speaks against it."""

    target: str
    time: str | None = None
    slices: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    task: Task | None = None


@dataclass(frozen=True)
class Table:
    """`files` by the names that they get in data/; `rows` of all of them, typed, those without a target left out.

    `untaught` are the row numbers, by name of the file, of those that were left out.
    """

    files: dict[str, Path]
    rows: pd.DataFrame
    types: dict[str, Type]
    untaught: dict[str, list[int]]


def load(place: Path, wish: Wish) -> Table:
    """Read a file, or every file of a folder.

    Raises
    ------
    BadInput
        It can't be read as a table, or lacks a column that was named.
    """
    if not place.exists():
        raise BadInput(f"{place}: no such file or folder; name a .csv or .parquet file, or a folder of them")
    found = read.partitions(place) if place.is_dir() else [place]
    files = {str(file.relative_to(place)) if place.is_dir() else file.name: file for file in found}
    raw = pd.concat([unread(file) for file in files.values()], ignore_index=True)
    _check(raw, place, wish)
    types = {str(name): type_of(raw[name], name == wish.time) for name in raw}
    parts = {name: _typed(file, types, wish) for name, file in files.items()}
    taught = {name: ~_unknown(rows[wish.target]) for name, rows in parts.items()}
    rows = pd.concat([part.loc[taught[name]] for name, part in parts.items()], ignore_index=True)
    if rows.empty:
        raise BadInput(f"{place}: column '{wish.target}', the target, holds no value: nothing to learn")
    untaught = {name: [n for n, known in enumerate(mask) if not known] for name, mask in taught.items()}
    return Table(files, rows, types, {name: numbers for name, numbers in untaught.items() if numbers})


def unread(file: Path) -> pd.DataFrame:
    """The rows of a file as they stand: texts, if it is CSV."""
    try:
        if file.suffix == ".parquet":
            return pq.read_table(file).to_pandas()
        if file.suffix == ".csv":
            return pd.read_csv(file, dtype="str", keep_default_na=False, na_values=[""], index_col=False)
    except UnicodeDecodeError as error:
        raise BadInput(f"{file}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    except (pa.ArrowInvalid, OSError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadInput(f"{file}: can't be read ({error}); write the file again") from None
    raise BadInput(f"{file}: data comes as .parquet or .csv; convert it")


def bring(table: Table, folder: Path) -> None:
    """Copy the files into a folder, as they came, less the rows without a target."""
    for name, file in table.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name not in table.untaught:
            (folder / name).write_bytes(file.read_bytes())
        elif len(rows := unread(file).drop(index=table.untaught[name])) and file.suffix == ".csv":
            rows.to_csv(folder / name, index=False)
        elif len(rows):
            rows.to_parquet(folder / name, index=False, compression="zstd")


def type_of(values: "pd.Series[Any]", is_time: bool = False) -> Type:
    """The type of a column that no schema names; `is_time` takes dates in any way of writing them."""
    if not pd.api.types.is_string_dtype(values.dropna()):
        return _type_of_values(values)
    texts = values.dropna()
    texts = texts[~texts.isin(read.MISSING)].drop_duplicates()
    if texts.empty:
        return "text"
    if set(texts) <= BOOLEANS:
        return "boolean"
    if is_time or texts.map(lambda text: DAY.fullmatch(text) is not None).all():
        return "timestamp"
    if pd.to_numeric(texts, errors="coerce").isna().any() or texts.map(lambda text: CODE.fullmatch(text)).any():
        return "text"
    return "integer" if texts.map(lambda text: WHOLE.fullmatch(text) is not None).all() else "number"


def _type_of_values(values: "pd.Series[Any]") -> Type:
    """Of a column whose file knew its type; whole numbers with gaps are integers that pandas made float."""
    present = values.dropna()
    kind = pd.api.types.infer_dtype(present)
    if kind in ("datetime", "datetime64", "date"):
        return "timestamp"
    if kind == "boolean":
        return "boolean"
    if kind == "integer" or (kind == "floating" and len(present) < len(values) and (present % 1 == 0).all()):
        return "integer"
    return "number" if kind in ("floating", "mixed-integer-float", "decimal") else "text"


def _typed(file: Path, types: dict[str, Type], wish: Wish) -> pd.DataFrame:
    """The rows of a file as training will read them, too."""

    def role(name: str) -> Role:
        if name in (wish.target, wish.time):
            return "target" if name == wish.target else "time"
        return "ignored" if types[name] == "timestamp" else "input"

    schema = Schema(task="regression", columns={name: column(type, role(name)) for name, type in types.items()})
    rows, complaints = read.partition(file, schema)
    if complaints:
        raise BadInput("\n".join(complaints))
    return rows


def _unknown(target: "pd.Series[Any]") -> "pd.Series[bool]":
    return target.isna() | target.isin(read.MISSING)


def _check(raw: pd.DataFrame, place: Path, wish: Wish) -> None:
    known = ", ".join(map(str, raw.columns))
    named = {
        "target": (wish.target,),
        "time": filter(None, [wish.time]),
        "slices": wish.slices,
        "keep": wish.keep,
    }
    for option, name in [(option, name) for option, names in named.items() for name in names]:
        if name not in raw:
            hint = "; its fields are separated by ';': write it with commas" if ";" in known else ""
            raise BadInput(f"{place}: --{option} names '{name}', which isn't a column; there are: {known}{hint}")
    if wish.target == wish.time or wish.target in wish.slices:
        raise BadInput(f"'{wish.target}' can't be the target and --time or --slices at once")
    if len(raw.columns) < 2:
        raise BadInput(f"{place}: has one column, '{known}': nothing to predict it from")
