"""Against what the whole table gives, computed in the plainest way."""

import msgspec
import numpy as np
import pandas as pd
import pytest

from mlops import rows as row
from mlops.contract import BadInput, Schema, column
from mlops.params import Prepare
from mlops.training import read, sample, validate
from mlops.training.kept import Kept
from mlops.training.partitions import Partitions

COLUMNS = {
    "x": column("number", "input", missing=True, low=0, outliers="drop"),
    "who": column("text", "input", "slice", missing=True),
    "n": column("integer", "input"),
    "note": column("text", "ignored"),
    "y": column("integer", "target"),
}
TIMELESS = Schema(task="binary", columns=COLUMNS)
TIMED = Schema(task="binary", zone="America/New_York", columns={"at": column("timestamp", "time"), **COLUMNS})
LIMITS = Prepare(test_period="month", test_share=0.2, test_rows=10_000, sample_rows=None, samples=1)
SETTINGS = [
    LIMITS,
    msgspec.structs.replace(LIMITS, sample_rows=700, samples=3),
    msgspec.structs.replace(LIMITS, sample_rows=150, test_rows=100, test_period="week"),
]


def write(folder, month, rows=600):
    """A month that begins with the last evening of the month before, by the local calendar."""
    random = np.random.default_rng(month)
    found = pd.DataFrame(
        {
            "at": pd.date_range(f"2013-{month:02}-01T02:00", periods=rows, freq="67min", tz="UTC").as_unit("ms"),
            "x": np.where(random.random(rows) < 0.1, np.nan, random.normal(2, 1, rows)),
            "who": np.where(random.random(rows) < 0.1, None, random.choice(["é", "b", "NA"], rows)),
            "n": random.integers(0, 5, rows),
            "y": random.integers(0, 2, rows),
        }
    )
    if month % 2:
        found = found.assign(note="odd", at=found["at"].dt.as_unit("us"))
    found.to_parquet(folder / f"{month}.parquet")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for month in (1, 2, 3, 4):
        write(folder, month)
    return folder


def whole(folder, schema, limits):
    """Every row of every file at once: the bytes of train.parquet and test.parquet."""
    files = read.partitions(folder)
    rows = pd.concat({file.name: validate.clean(file, schema) for file in files}, names=["file"])
    hashes = row.identity(rows, schema)
    if schema.time:
        freq = limits.test_period[0].upper()
        periods = rows["at"].dt.tz_convert(schema.zone).dt.tz_localize(None).dt.to_period(freq)
        test = np.asarray(periods == periods.max())
    else:
        test = row.fraction(hashes, sample.TEST_SALT) < limits.test_share
    k = sample.halvings(int((~test).sum()), limits.sample_rows, limits.samples)
    cap = sample.draw(hashes, sample.halvings(int(test.sum()), limits.test_rows), sample.CAP_SALT)
    marks = {f"sample {n}": sample.draw(hashes, k, sample.FIRST_SALT + n)[~test] for n in range(limits.samples)}
    train, tested = rows.loc[~test].assign(**marks), rows.loc[test & cap].copy()
    train = train.loc[train[list(marks)].any(axis=1)]
    train.attrs["sample"] = {"of": int((~test).sum()), "halvings": k}
    for side in (train, tested):
        side.attrs["data"] = {name: read.md5(folder / name) for name in side.index.unique("file")}
    return tuple(side.to_parquet(index=False, compression="zstd") for side in (train, tested))


def by_file(folder, schema, limits, kept):
    md5s = {file.name: read.md5(file) for file in read.partitions(folder)}
    sides = Partitions(folder, md5s, schema, limits, kept).sides()
    return tuple(side.to_parquet(index=False, compression="zstd") for side in sides)


@pytest.mark.parametrize("schema", [TIMED, TIMELESS], ids=["timed", "timeless"])
@pytest.mark.parametrize("limits", SETTINGS, ids=["all", "samples", "capped"])
def test_files_one_by_one_give_the_bytes_of_the_whole_table_kept_or_not(data, schema, limits, tmp_path):
    columns = COLUMNS if schema.time else {"at": column("timestamp", "ignored"), **COLUMNS}
    schema = msgspec.structs.replace(schema, columns={**schema.columns, **columns})
    wanted, store = whole(data, schema, limits), Kept(tmp_path, "code")
    assert by_file(data, schema, limits, Kept()) == wanted
    assert by_file(data, schema, limits, store) == wanted
    again = Kept(tmp_path, "code")
    assert by_file(data, schema, limits, again) == wanted
    assert len(again.read) == (4 if limits.sample_rows is None else 0)  # what is taken whole isn't kept


@pytest.mark.parametrize(("sample_rows", "read"), [(100, {"4.parquet", "5.parquet"}), (150, None)])
def test_a_new_newest_month_is_read_and_the_one_that_it_makes_training_and_no_other(tmp_path, sample_rows, read):
    """Unless the rows now have to be halved once more: then every file has other samples."""
    data, limits = tmp_path / "data", msgspec.structs.replace(LIMITS, sample_rows=sample_rows, samples=3)
    data.mkdir()
    for month in (1, 2, 3, 4):
        write(data, month, 200)
    by_file(data, TIMED, limits, Kept(tmp_path / "kept", "code"))
    write(data, 5, 200)
    store = Kept(tmp_path / "kept", "code")
    assert by_file(data, TIMED, limits, store) == whole(data, TIMED, limits)
    assert {file.name for file in store.read} == (read or {file.name for file in store.asked})


def test_a_file_that_changed_is_read_again(tmp_path):
    data, store = tmp_path / "data", Kept(tmp_path / "kept", "code")
    data.mkdir()
    for month in (1, 2, 3):
        write(data, month)
    by_file(data, TIMED, LIMITS, store)
    write(data, 2, 599)
    assert by_file(data, TIMED, LIMITS, store) == whole(data, TIMED, LIMITS)


def test_what_the_split_refuses_is_refused_of_all_files_together(tmp_path):
    write(tmp_path, 2, 20)
    with pytest.raises(BadInput, match=r"leaves 0 rows to train and 20 to test"):
        by_file(tmp_path, TIMED, msgspec.structs.replace(LIMITS, test_period="year"), Kept())
    write(tmp_path, 4, 20)
    by_file(tmp_path, TIMED, LIMITS, Kept())
