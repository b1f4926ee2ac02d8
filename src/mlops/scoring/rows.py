"""Rows of a file as a model takes them, some at a time: what /predict would make of the same values, and refuse."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlops.artifact import tensor
from mlops.contract import BadInput, Column, Schema, Type
from mlops.training.read import MISSING

LARGEST = float(np.finfo(np.float32).max)  # beyond lies infinity, for a model
BUFFER = 1 << 20  # bytes read of a column at a time, however long a row group is
BLOCK = 1 << 24  # bytes of CSV parsed at a time
TEXT = pa.dictionary(pa.int32(), pa.string())
TRUE, FALSE = ["true", "True", "TRUE", "1", "1.0"], ["false", "False", "FALSE", "0", "0.0"]
CSV_TYPES = {"text": TEXT, "boolean": pa.bool_()}
Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Rows:
    """The rows of a file; `shown` is what people call it, `outside` counts values that the schema doesn't expect."""

    file: Path
    shown: str
    schema: Schema
    outside: Counter[str] = field(default_factory=Counter)

    def tensors(self, size: int) -> Iterator[Tensors]:
        """The tensors of at most `size` rows at a time, in order; what `mlops.artifact.feeds` makes, but quicker.

        Raises
        ------
        BadInput
            Names the file, the column and what can't be read or predicted from.
        """
        start = 0
        for batch in self._batches(size):
            columns = {name: batch.column(name) for name in self.schema.inputs}
            yield {name: self._tensor(name, values, start) for name, values in columns.items()}
            start += batch.num_rows

    def _batches(self, size: int) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._parquet(size) if self.file.suffix == ".parquet" else self._csv(size)
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.shown}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
        except (pa.ArrowException, OSError) as error:
            raise BadInput(f"{self.shown}: can't be read ({error}); write the file again") from None

    def _parquet(self, size: int) -> Iterator[pa.RecordBatch]:
        texts = [name for name in self.schema.inputs if self.schema.columns[name].type == "text"]
        with pq.ParquetFile(self.file, read_dictionary=texts, buffer_size=BUFFER, pre_buffer=False) as file:
            self._check(file.schema_arrow.names)
            yield from file.iter_batches(size, columns=self.schema.inputs, use_threads=False)

    def _csv(self, size: int) -> Iterator[pa.RecordBatch]:
        with self.file.open(newline="", encoding="utf-8-sig") as text:
            header = next(csv.reader(text), [])
        self._check(header)
        kinds = {name: CSV_TYPES.get(self.schema.columns[name].type, pa.float64()) for name in self.schema.inputs}
        read = pa.csv.ReadOptions(block_size=BLOCK, use_threads=False)
        parse = pa.csv.ParseOptions(newlines_in_values=True)
        convert = pa.csv.ConvertOptions(
            column_types=kinds, include_columns=self.schema.inputs, null_values=MISSING, true_values=TRUE,
            false_values=FALSE,
        )  # fmt: skip
        try:
            for block in pa.csv.open_csv(self.file, read, parse, convert):
                for start in range(0, block.num_rows, size):
                    yield block.slice(start, size)
        except pa.ArrowInvalid as error:
            place = re.match(r"In CSV column #(\d+): (.*)", str(error), re.DOTALL)
            if place is None:
                raise
            raise BadInput(f"{self.shown}: column '{header[int(place[1])]}': {place[2]}; mend the value") from None

    def _check(self, found: list[str]) -> None:
        for name in self.schema.inputs:
            if found.count(name) != 1:
                what = "stands there twice" if name in found else f"is missing (found: {', '.join(found)})"
                raise BadInput(f"{self.shown}: column '{name}' {what}; the model takes it once")

    def _tensor(self, name: str, values: pa.Array, start: int) -> NDArray[Any]:
        column = self.schema.columns[name]
        if not _fits(values.type, column.type):
            raise BadInput(f"{self.shown}: column '{name}' holds {values.type}, no {column.type}; write it as that")
        found = (_texts if column.type == "text" else _numbers)(values, column)
        faults = {f"no {column.type} of 32 bits": found.wrong, "no value": found.missing & (not column.missing)}
        for what, mask in faults.items():
            if mask.any():
                row = start + int(mask.argmax())
                raise BadInput(f"{self.shown}: column '{name}': {what} in row {row}, from 0; mend it, or leave it out")
        self.outside[name] += int(found.outside.sum())
        return tensor(found.values, column.type) if column.type != "text" else found.values


class Found(NamedTuple):
    """A column's values, and masks of those that are missing, can't be predicted from, or aren't expected."""

    values: NDArray[Any]
    missing: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    outside: NDArray[np.bool_]


def _fits(given: pa.DataType, wanted: Type) -> bool:
    """May a column of Parquet's type `given` be read as the schema's? Texts that look like numbers are none."""
    if pa.types.is_dictionary(given):
        given = given.value_type
    if pa.types.is_null(given) or pa.types.is_integer(given):
        return True
    if wanted == "text":
        return pa.types.is_string(given) or pa.types.is_large_string(given) or pa.types.is_string_view(given)
    number = pa.types.is_floating(given) or pa.types.is_decimal(given)
    return number or (wanted == "boolean" and pa.types.is_boolean(given))


def _numbers(values: pa.Array, column: Column) -> Found:
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    missing, wrong = np.isnan(numbers), np.abs(numbers) > LARGEST
    if column.type == "integer":
        wrong |= (numbers != np.rint(numbers)) & ~missing
    if column.type == "boolean":
        wrong |= (numbers != 0) & (numbers != 1) & ~missing
    outside = np.zeros(len(numbers), dtype=np.bool_)
    if column.low is not None:
        outside |= numbers < column.low
    if column.high is not None:
        outside |= numbers > column.high
    return Found(numbers, missing, wrong, outside)


def _texts(values: pa.Array, column: Column) -> Found:
    """Each distinct text is looked at once: objects are what takes time here."""
    if not pa.types.is_dictionary(values.type):
        values = values.cast(pa.string()).dictionary_encode()
    words = tensor(np.array([*values.dictionary.to_pylist(), None], dtype=object), "text")
    places = values.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
    missing = np.array([word == "" for word in words[:, 0]])
    strange = ~missing & [bool(column.categories) and word not in column.categories for word in words[:, 0]]
    return Found(words[places], missing[places], np.zeros(len(places), dtype=np.bool_), strange[places])
