"""Training and test rows of a data folder: one file in memory at a time, and only those that are new.

Gives what `split.split` gives of all rows at once.
"""

from collections.abc import Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlops.contract import Schema, decode, encode
from mlops.params import Prepare
from mlops.training import sample, split, validate
from mlops.training.kept import Kept, MapLike

Sides = tuple[pd.DataFrame, pd.DataFrame]


def rows(
    folder: Path, md5s: Mapping[str, str], schema: Schema, limits: Prepare, kept: Kept, mapping: MapLike = map
) -> Sides:
    """Training rows, with one boolean column a sample (``sample 0``, ...), and test rows, capped by hash.

    ``attrs["data"]`` names the files (of `md5s`: their MD5 by name) that gave any, ``attrs["sample"]`` of the training
    rows what the samples were taken from.
    """
    files = {name: folder / name for name in md5s}
    by: list[Any] = [limits.test_period, limits.test_share]
    keys = {file: ["count", md5s[name], *by] for name, file in files.items()}
    made = kept.each(partial(_counted, schema=schema, limits=limits), keys, mapping)
    counts = {name: decode(list[split.Count], one, name) for name, one in zip(files, made, strict=True)}
    wanted = split.plan(chain(*counts.values()), schema, limits)
    keys = {
        file: ["rows", md5s[name], *by, limits.samples, wanted.train_halvings, _tested(counts[name], wanted)]
        for name, file in files.items()
    }
    keeping = kept if wanted.train_halvings else Kept()  # copies of all data are not worth it
    found = keeping.each(partial(_drawn, schema=schema, limits=limits, wanted=wanted), keys, mapping)
    drawn = {name: _unpacked(one) for name, one in zip(files, found, strict=True)}
    train, test = (_side(drawn, md5s, is_test) for is_test in (False, True))
    train.attrs = {"sample": split.told(wanted), **train.attrs}
    return train, test


def _tested(counts: list[split.Count], wanted: split.Plan) -> list[int]:
    """What of the test concerns a file: nothing where none of its rows are in the test's period, whichever that is."""
    return [wanted.test, wanted.test_halvings] if any(one.period == wanted.test for one in counts) else []


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


def _side(drawn: dict[str, pa.Table], md5s: Mapping[str, str], is_test: bool) -> pd.DataFrame:
    """All rows of one side, and in `attrs` the files that they come from; the training's marks are its last columns."""
    parts = {
        name: table.filter(table[split.TEST] if is_test else pc.invert(table[split.TEST])).drop_columns(split.TEST)
        for name, table in drawn.items()
    }
    table = pa.concat_tables(parts.values(), promote_options="permissive").combine_chunks()
    marks = [name for name in table.column_names if name.startswith(sample.MARK)]
    side = table.select([name for name in table.column_names if name not in marks] + ([] if is_test else marks))
    rows: pd.DataFrame = side.to_pandas(split_blocks=True, self_destruct=True)
    rows.attrs["data"] = {name: md5s[name] for name, part in parts.items() if len(part)}
    return rows
