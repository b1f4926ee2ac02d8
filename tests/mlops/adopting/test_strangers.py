"""Real tables of many kinds: what is inferred of each, and that the pipeline's own rules pass it."""

import pytest

from mlops import params
from mlops.adopting import infer, limits, table, write
from mlops.contract import Schema
from mlops.params import Prepare
from mlops.training import split, validate
from tests.conftest import ROOT
from tests.strangers import STRANGERS

EXPECTED = {  # task, test rows, inputs, left out, may be missing
    "iris": ("multiclass", 48, 4, 0, 0),
    "cancer": ("binary", 113, 30, 0, 0),
    "diabetes": ("regression", 120, 10, 0, 0),
    "gym, tiny": ("regression", 7, 5, 0, 0),
    "digits, wide": ("multiclass", 349, 61, 3, 0),
    "wine, two files": ("multiclass", 60, 13, 0, 0),
    "penguins, texts": ("multiclass", 99, 11, 5, 6),
    "penguins in time": ("binary", 117, 11, 4, 2),
    "penguins, typed": ("regression", 115, 11, 5, 4),
    "weather in time": ("multiclass", 365, 4, 0, 0),
    "stocks in time": ("regression", 7, 9, 0, 3),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_strangers_table_is_understood_and_passes_the_rules(name, tmp_path):
    make, wish = STRANGERS[name]
    found = table.load(make(tmp_path), wish)
    schema = infer.guess(found, wish).schema
    values = limits.fit(found.rows, schema, params.load(ROOT))
    prepare = Prepare(test_rows=10**6, sample_rows=None, samples=1, **values["prepare"])
    test = split.is_test(found.rows, schema, prepare)
    left_out, missing = schema.having("ignored"), [column for column in schema.columns.values() if column.missing]
    assert (schema.task, test.sum(), len(schema.inputs), len(left_out), len(missing)) == EXPECTED[name]
    table.bring(found, tmp_path / "data")
    profiles = validate.folder(tmp_path / "data", schema, 0.0)
    assert sum(part.profile.rows for part in profiles.values()) == len(found.rows)


@pytest.mark.parametrize("name", STRANGERS)
def test_the_schema_is_written_as_it_was_inferred(name, tmp_path):
    make, wish = STRANGERS[name]
    schema = infer.guess(table.load(make(tmp_path), wish), wish).schema
    text = write.schema(schema, "a table")
    assert text == write.schema(schema, "a table")
    written = {}
    exec(text, written)  # noqa: S102 (what was written a line above)
    assert isinstance(written["SCHEMA"], Schema)
    assert written["SCHEMA"] == schema
    assert max(map(len, text.splitlines())) <= 120


def test_what_a_table_of_many_kinds_holds_is_told_apart(tmp_path):
    make, wish = STRANGERS["penguins, typed"]
    guess = infer.guess(table.load(make(tmp_path), wish), wish)
    columns = guess.schema.columns
    assert (columns["complete"].type, columns["laid"].type, columns["Island"].type) == ("boolean", "timestamp", "text")
    assert columns["Island"].categories == ("Biscoe", "Dream", "Torgersen")
    assert (columns["Flipper Length (mm)"].type, columns["Flipper Length (mm)"].unit) == ("integer", "mm")
    assert (columns["Flipper Length (mm)"].low, columns["Flipper Length (mm)"].high) == (110, 290)
    assert columns["Sex"].missing
    assert [doubt.column for doubt in guess.doubts] == ["Sample Number", "Individual ID"]
    assert any(remark.startswith("2 rows without a value of the target were left out") for remark in guess.remarks)
    assert any(remark.startswith("`laid` is left out") and "--time laid" in remark for remark in guess.remarks)
