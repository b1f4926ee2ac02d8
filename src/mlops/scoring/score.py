"""A partition of rows -> a partition of predictions, done once: what is finished says so in its own footer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops.artifact import Model, Predictions
from mlops.contract import BadInput, ModelInfo, Record, decode, encode
from mlops.scoring.places import Part, Place
from mlops.scoring.rows import Rows

KEY = b"mlops.score"
T = TypeVar("T")


class Mark(Record, frozen=True):
    """What a finished partition was made of, and what was found: it stands in its footer."""

    version: str
    state: str
    rows: int
    outside: dict[str, int]


class Scored(Record, frozen=True):
    """What became of a partition: its mark, from now or from `before`, or why it can't be scored."""

    mark: Mark | None = None
    before: bool = False
    failed: str = ""


@dataclass(frozen=True)
class Job:
    """A version, whose two files travel to wherever it scores; from where, to where, and how many rows at a time."""

    version: str
    graph: bytes
    info: bytes
    source: Place
    target: Place
    size: int

    def score(self, part: Part) -> Scored:
        """Score a partition, unless that was done: with this version, from this very content.

        What is killed half-way leaves nothing that passes for a partition, so that no row is there twice.
        """
        try:
            known = self.target.footer(part.output).get(KEY)
            mark = decode(Mark, known, f"{self.target.url}/{part.output}") if known else None
            if mark and (mark.version, mark.state) == (self.version, part.state):
                return Scored(mark=mark, before=True)
            return Scored(mark=self._score(part))
        except BadInput as error:
            return Scored(failed=str(error))
        except OSError as error:
            return Scored(failed=f"{self.target.url}/{part.output}: can't be written ({error.strerror or error})")

    def _score(self, part: Part) -> Mark:
        model, count = _model(self.graph, self.info), 0
        names = [f"probability_{label}" for label in model.info.classes] or ["prediction"]
        with self.source.brought(part.name) as file, self.target.taken(part.output) as output:
            rows = Rows(file, f"{self.source.url}/{part.name}", model.info.schema)
            predicted = map(model.run, _ahead(rows.tensors(self.size)))
            with pq.ParquetWriter(output, _schema(names), compression="zstd", use_dictionary=["file", "version"]) as to:
                for values in predicted:
                    to.write_batch(_batch(part.name, count, names, values, self.version))
                    count += len(values)
                mark = Mark(version=self.version, state=part.state, rows=count, outside=dict(+rows.outside))
                to.add_key_value_metadata({KEY: encode(mark)})
        return mark


def told(done: Sequence[Scored], version: str, seconds: float) -> str:
    """What was done, in words."""
    marks = [one.mark for one in done if one.mark]
    now = [one.mark for one in done if one.mark and not one.before]
    rows, outside = sum(mark.rows for mark in now), Counter[str]()
    for mark in marks:
        outside.update(mark.outside)
    counts = f"{len(now)} scored by {version}, {len(marks) - len(now)} done before, {len(done) - len(marks)} failed"
    lines = [f"partitions: {counts}; {rows:,} rows in {seconds:.1f} s"]
    if outside:
        named = ", ".join(f"{name} {count:,}" for name, count in sorted(outside.items()))
        lines.append(f"values outside the schema's ranges and categories, predicted from all the same: {named}")
    return "\n".join(lines)


def _schema(names: Sequence[str]) -> pa.Schema:
    """`file` and `row` (from 0) say which row of the input it is, in its order."""
    kinds = {"file": pa.string(), "row": pa.int64(), **dict.fromkeys(names, pa.float32()), "version": pa.string()}
    return pa.schema(list(kinds.items()))


def _batch(file: str, first: int, names: Sequence[str], values: Predictions, version: str) -> pa.RecordBatch:
    rows, plain = len(values), values.astype(np.float32)  # which models compute with
    columns = [np.ascontiguousarray(column) for column in plain.T]
    arrays = [pa.repeat(file, rows), pa.array(np.arange(first, first + rows)), *columns, pa.repeat(version, rows)]
    return pa.record_batch(arrays, schema=_schema(names))


@lru_cache(maxsize=1)
def _model(graph: bytes, info: bytes) -> Model:
    return Model(graph, decode(ModelInfo, info, "model.json"))


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The same, the next one made in a thread of its own while one is worked on."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
