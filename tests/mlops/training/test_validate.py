import pandas as pd
import pytest

from mlops.contract import BadInput, Schema, column
from mlops.training import read, validate

SCHEMA = Schema(
    task="binary",
    columns={
        "carrier": column("text", "input", categories=("AA", "UA")),
        "temp": column("number", "input", low=-40, high=120, unit="deg F", missing=True),
        "wind": column("number", "input", low=0, high=150, outliers="drop"),
        "gust": column("number", "input", low=0, outliers="keep"),
        "late": column("integer", "target", low=0, high=1),
    },
)
ROWS = pd.DataFrame(
    {
        "carrier": ["AA", "UA", "UA", "AA"],
        "temp": [50.0, None, 60.0, 61.0],
        "wind": [1.0, 2.0, 3.0, 4.0],
        "gust": [1.0, 2.0, 3.0, 4.0],
        "late": [0, 1, 0, 1],
    }
)


def stored(folder, name="a.parquet", **changes):
    ROWS.assign(**changes).to_parquet(folder / name)
    return folder


def test_good_data_is_described_file_by_file(tmp_path):
    found = validate.folder(stored(tmp_path), SCHEMA, 0)["a.parquet"]
    assert (found.profile.rows, found.dropped, found.passed) == (4, {}, {})
    assert found.md5 == read.md5(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"carrier": ["ZZ", "UA", "AA", "YY"]},
            "column 'carrier': 2 of 4 rows: unknown category (such as 'ZZ', 'YY'); mend the values, or add them to "
            "`categories` in the schema",
        ),
        (
            {"temp": [50.0, 999.0, 60.0, 61.0]},
            "column 'temp': 1 of 4 rows: outside [-40, 120] deg F (such as 999.0); mend them, or `low`, `high` or "
            "`outliers`",
        ),
        (
            {"gust": [None, 2.0, None, 3.0]},
            "column 'gust': 2 of 4 rows: missing values (such as nan); fill them, or set `missing=True` in "
            "src/problem/schema.py",
        ),
        (
            {"temp": [None, None, None, None]},
            "column 'temp': 4 of 4 rows: no value at all (such as nan); fill the column, or take it out of "
            "src/problem/schema.py",
        ),
        (
            {"carrier": "AA", "temp": 1.0, "wind": 1.0, "gust": 1.0},
            "2 of 4 rows: duplicate rows; remove them, or set `duplicates` in src/problem/schema.py to 'drop' or "
            "'keep'",
        ),
        (
            {"temp": ["1", "2", "cold", "hot"]},
            "column 'temp': 2 values are no number, such as 'cold', 'hot'; mend the values, or the type in "
            "src/problem/schema.py",
        ),
    ],
    ids=["category", "range", "missing", "all missing", "duplicates", "type"],
)
def test_an_error_names_file_column_count_values_and_remedy(tmp_path, changes, message):
    with pytest.raises(BadInput) as refused:
        validate.folder(stored(tmp_path, **changes), SCHEMA, 0)
    assert str(refused.value) == f"{tmp_path}/a.parquet: {message}"


def test_all_errors_of_all_files_are_told_at_once(tmp_path):
    stored(tmp_path, "a.parquet", carrier="ZZ", late=[0, 1, 2, 3])
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    stored(tmp_path, "c.parquet", temp=999.0)
    with pytest.raises(BadInput) as refused:
        validate.folder(tmp_path, SCHEMA, 0)
    assert [line.split(":")[0].rsplit("/")[-1] for line in str(refused.value).splitlines()] == [
        "a.parquet", "a.parquet", "b.parquet", "c.parquet",
    ]  # fmt: skip


def test_of_very_many_errors_the_first_twenty_are_told_and_the_rest_counted(tmp_path):
    for number in range(23):
        stored(tmp_path, f"{number}.parquet", carrier="ZZ")
    with pytest.raises(BadInput, match=r"\.\.\. and 3 more$") as refused:
        validate.folder(tmp_path, SCHEMA, 0)
    assert len(str(refused.value).splitlines()) == 21


def test_dropped_and_passed_rows_are_counted_and_only_dropped_ones_leave_the_profile(tmp_path):
    stored(tmp_path, wind=[-1.0, 2.0, 3.0, 4.0], gust=[-1.0, -2.0, 3.0, 4.0])
    found = validate.folder(tmp_path, SCHEMA, 0.25)["a.parquet"]
    assert found.dropped == {"wind: outside [0, 150]": 1}
    assert found.passed == {"gust: outside [0, ]": 2}
    assert found.profile.rows == len(validate.clean(tmp_path / "a.parquet", SCHEMA)) == 3


def test_a_file_that_would_lose_too_many_rows_is_refused(tmp_path):
    stored(tmp_path, wind=[-1.0, 2.0, 3.0, 4.0])
    with pytest.raises(
        BadInput, match=r"would drop 1 of 4 rows .*'wind: outside \[0, 150\]': 1.*max_dropped = 0.2 allows"
    ):
        validate.folder(tmp_path, SCHEMA, 0.2)
