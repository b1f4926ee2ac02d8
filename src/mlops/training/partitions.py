"""Training and test rows of a data folder: one file in memory at a time, and only those that are new.

What comes of it is, byte for byte, what `split.split` gives of all rows at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlops.contract import Schema, decode, encode
from mlops.engine import Map
from mlops.params import Prepare
from mlops.training import sample, split, validate
from mlops.training.kept import Kept


@dataclass(frozen=True)
class Partitions:
    """The files of `folder` that `md5s` names; `mapping` looks at those of which nothing is kept."""

    folder: Path
    md5s: Mapping[str, str]
    schema: Schema
    limits: Prepare
    kept: Kept
    mapping: Map = map

    def sides(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Training rows, with one boolean column a sample (``sample 0``, ...), and test rows, capped by hash.

        ``attrs["data"]`` names the files that gave any, with their MD5; ``attrs["sample"]`` of the training rows says
        what the samples were taken from.
        """
        counts = self._counts()
        wanted = split.plan(chain(*counts), self.schema, self.limits)
        train, test = list[pa.Table](), list[pa.Table]()
        for table in self._drawn(counts, wanted):
            for side, is_test in ((train, False), (test, True)):
                side.append(table.filter(pc.equal(table[split.TEST], is_test)))
        marks = [f"{sample.MARK}{number}" for number in range(self.limits.samples)]
        return self._frame(train, marks, sample=split.told(wanted)), self._frame(test, [])

    def _counts(self) -> list[list[split.Count]]:
        """What a plan must know of each file."""
        make = partial(_counted, schema=self.schema, limits=self.limits)
        keys = {self.folder / name: ["count", md5, *self._by] for name, md5 in self.md5s.items()}
        return [decode(list[split.Count], one, "a count") for one in self.kept.each(make, keys, self.mapping)]

    def _drawn(self, counts: list[list[split.Count]], wanted: split.Plan) -> Iterator[pa.Table]:
        """What the plan takes of each file; where the test is doesn't matter to one that has no row of it."""
        make = partial(_drawn, schema=self.schema, limits=self.limits, wanted=wanted)
        tested = [any(one.period == wanted.test for one in count) for count in counts]
        by = [*self._by, self.limits.samples, wanted.train_halvings]
        keys = {
            self.folder / name: ["rows", md5, *by, [wanted.test, wanted.test_halvings] if test else []]
            for (name, md5), test in zip(self.md5s.items(), tested, strict=True)
        }
        kept = self.kept if wanted.train_halvings else replace(self.kept, folder=None)  # a copy of all data is no gain
        yield from map(_unpacked, kept.each(make, keys, self.mapping))

    @property
    def _by(self) -> list[Any]:
        """What says of a row whether it is in the test."""
        return [self.limits.test_period, self.limits.test_share]

    def _frame(self, parts: list[pa.Table], marks: list[str], **about: Any) -> pd.DataFrame:
        """All rows of one side; `marks` stay, behind the columns of the files."""
        table = pa.concat_tables(parts, promote_options="permissive").combine_chunks()
        names = [name for name in table.column_names if not name.startswith(sample.MARK)]
        rows: pd.DataFrame = table.select([*names, *marks]).to_pandas(split_blocks=True, self_destruct=True)
        files = zip(self.md5s.items(), parts, strict=True)
        rows.attrs.update(**about, data={name: md5 for (name, md5), part in files if len(part)})
        return rows


def _counted(file: Path, schema: Schema, limits: Prepare) -> bytes:
    return encode(split.count(validate.clean(file, schema), schema, limits))


def _drawn(file: Path, schema: Schema, limits: Prepare, wanted: split.Plan) -> bytes:
    found = split.draw(validate.clean(file, schema), schema, limits, wanted)
    return _packed(pa.Table.from_pandas(found, preserve_index=False).replace_schema_metadata())


def _packed(table: pa.Table) -> bytes:
    """As Arrow has it, types to the last unit of time; compressed as one, as columns of few rows are short."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed, pa.ipc.new_stream(packed, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def _unpacked(content: bytes) -> pa.Table:
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as packed:
        return pa.ipc.open_stream(packed).read_all()
