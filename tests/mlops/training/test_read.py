import re

import pandas as pd
import pytest

from mlops.contract import BadInput, Schema, column
from mlops.training import read

SCHEMA = Schema(
    task="binary",
    zone="America/New_York",
    columns={
        "at": column("timestamp", "time"),
        "zip": column("text", "input", missing=True),
        "x": column("number", "input", missing=True),
        "n": column("integer", "input", missing=True),
        "rain": column("boolean", "input", missing=True),
        "note": column("text", "ignored"),
        "y": column("integer", "target"),
    },
)
ROWS = pd.DataFrame(
    {
        "at": pd.to_datetime(["2013-03-09 12:00Z", "2013-03-10 12:00Z", "2013-03-11 12:00Z"]),
        "zip": ["007", "NA", None],
        "x": [1.5, None, 1e-9],
        "n": [3, None, 2**40],
        "rain": [True, None, False],
        "y": [0, 1, 0],
    }
)


def csv(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_files_are_listed_by_name_and_hidden_ones_are_left_out(tmp_path):
    for name in ("b.csv", "a.parquet", ".gitignore"):
        (tmp_path / name).touch()
    assert [path.name for path in read.partitions(tmp_path)] == ["a.parquet", "b.csv"]


def test_a_file_of_another_kind_is_refused(tmp_path):
    for name in ("a.csv", "b.xlsx"):
        (tmp_path / name).touch()
    with pytest.raises(BadInput, match=r"b\.xlsx: data comes as \.parquet or \.csv; convert it, or move it out of"):
        read.partitions(tmp_path)


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_folder_without_data_is_refused(tmp_path, folder):
    with pytest.raises(BadInput, match=r"/ holds no \.parquet or \.csv file; run `dvc pull`, or add data"):
        read.partitions(tmp_path / folder)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])  # the latter's offset changes on 10 March
def test_csv_and_parquet_give_the_same_rows(tmp_path, zone):
    rows = ROWS.assign(at=ROWS["at"].dt.tz_convert(zone))
    rows.to_parquet(tmp_path / "a.parquet")
    rows.to_csv(tmp_path / "a.csv", index=False)
    (one, complaints), (other, more) = (read.partition(tmp_path / name, SCHEMA) for name in ("a.parquet", "a.csv"))
    pd.testing.assert_frame_equal(one, other)
    assert complaints == more == []


@pytest.mark.parametrize("dtype", ["object", "boolean", "float64", "category"])
def test_a_boolean_may_be_stored_in_any_way(tmp_path, dtype):
    ROWS.assign(rain=ROWS["rain"].astype(dtype)).to_parquet(tmp_path / "a.parquet")
    rows, complaints = read.partition(tmp_path / "a.parquet", SCHEMA)
    assert (rows["rain"].fillna(-1).tolist(), complaints) == ([1, -1, 0], [])


def test_a_time_without_an_offset_is_local(tmp_path):
    rows, _ = read.partition(csv(tmp_path / "a.csv", "at,y\n2013-01-01 05:00,0\n"), SCHEMA)
    assert rows["at"].tolist() == [pd.Timestamp("2013-01-01T10:00Z")]


@pytest.mark.parametrize(
    ("name", "good", "bad", "shown"),
    [
        ("x", "1e3", "tall", "'tall'"),
        ("x", "-0.5", "inf", "inf"),
        ("n", "3.0", "3.5", "3.5"),
        ("rain", "true", "yes", "'yes'"),
        ("at", "2013-01-01 05:00", "2013-02-30 05:00", "'2013-02-30 05:00'"),
        ("at", "2013-03-10 03:30", "2013-03-10 02:30", "'2013-03-10 02:30'"),  # skipped when summer time starts
        ("at", "2013-01-01", "20130101", "20130101"),
    ],
)
def test_a_value_of_another_type_is_named_with_column_count_and_remedy(tmp_path, name, good, bad, shown):
    rest = [column for column in ("at", "zip", "x", "n", "rain", "y") if column != name]
    values = ",".join({"at": "2013-01-01"}.get(column, "1") for column in rest)
    found = []
    for value in (good, bad):
        path = csv(tmp_path / "a.csv", f"{name},{','.join(rest)}\n{value},{values}\n")
        found.append(read.partition(path, SCHEMA)[1])
    type = SCHEMA.columns[name].type
    wanted = (
        f"column '{name}': 1 value is no {type}, such as {shown}; mend the values, or the type in src/problem/schema"
    )
    assert (found[0], wanted in found[1][0]) == ([], True)


def test_missing_and_unknown_columns_are_complained_about_by_name(tmp_path):
    _, complaints = read.partition(csv(tmp_path / "a.csv", "at,zip,x,n,rian,y\n2013-01-01,a,1,1,1,0\n"), SCHEMA)
    assert [re.sub(r".*/a.csv: ", "", text) for text in complaints] == [
        "column 'rian' isn't in the schema; add it there with the role 'ignored', or remove it",
        "column 'rain' is missing (found: at, zip, x, n, rian, y); add it, or take it out of src/problem/schema.py",
    ]


def test_an_ignored_column_may_be_absent(tmp_path):
    ROWS.to_parquet(tmp_path / "a.parquet")
    rows, complaints = read.partition(tmp_path / "a.parquet", SCHEMA)
    assert ("note" in rows, complaints) == (False, [])


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.csv", b"", r"can't be read \(No columns.*\); write the file again, or `dvc pull` it"),
        ("a.csv", b"at,y\n", "holds no rows; remove the file, or fill it"),
        ("a.csv", "zip,y\ncafé,1\n".encode("latin-1"), r"not UTF-8 at byte \d+ \(b'\\xe9'\); save the file as UTF-8"),
        ("a.csv", "zip,y\na,1\n".encode("utf-16"), "not UTF-8 at byte 0"),
        ("a.csv", b"zip,y\na,1\nb,1,2\n", r"can't be read \(.*Expected 2 fields in line 3, saw 3"),
        ("a.csv", b"zip,y\na,1,2\nb,1,2\n", "the rows have more fields than the header; name every column"),
        ("a.parquet", b"", "can't be read"),
        ("a.parquet", b"zip,y\na,1\n", r"can't be read \(.*\); write the file again, or `dvc pull` it"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_a_remedy(tmp_path, name, content, fault):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=rf"(?s)/{name}: {fault}"):
        read.partition(tmp_path / name, SCHEMA)


def test_a_truncated_parquet_file_is_named(tmp_path):
    ROWS.to_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"a\.parquet: can't be read \(.*\); write the file again, or `dvc pull` it"):
        read.partition(tmp_path / "a.parquet", SCHEMA)
