"""What a model sees of a file is what /predict makes of the same values; what that would refuse is refused here."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops.artifact import Model
from mlops.contract import BadInput, ModelInfo, Release, decode
from mlops.params import Serve
from mlops.scoring.rows import Rows
from mlops.serving.answers import Served
from tests.mlops.scoring.conftest import SCHEMA, rows

LIMITS = Serve(
    out_of_range="count", max_rows=1000, max_bytes=10**6, fsync=False, when_full="answer", ship_interval=1
)  # fmt: skip


def written(folder, table, kind):
    path = folder / f"rows.{kind}"
    table.to_parquet(path, index=False) if kind == "parquet" else table.to_csv(path, index=False)
    return path


def answered(model, table):
    """By the service, as JSON brings the rows."""
    served = Served(Release(version="v1", commit="", files={}), model[0], decode(ModelInfo, model[1], ""), LIMITS)
    plain = json.loads(table[SCHEMA.inputs].to_json(orient="records"))
    body = json.dumps({"rows": [{"at": "2013-05-31T17:00:00Z", **row} for row in plain]})
    asked = served.asked(*served.requests.read(body.encode()))
    found = [list(one.output["probabilities"].values()) for one in served.answer(asked)]
    return np.array(found), list(served.requests.outside(asked.rows))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_predictions_and_counts_are_those_of_the_service(model, tmp_path, kind):
    table = rows(200)
    table.loc[3:5, "place"] = "LGA"
    table.loc[7, "gates"], table.loc[8, "wind, mph"] = 10, 2.5e30
    wanted, outside = answered(model, table)
    found = Rows(written(tmp_path, table, kind), "rows", SCHEMA)
    scored = [Model(model[0], decode(ModelInfo, model[1], "")).run(tensors) for tensors in found.tensors(64)]
    assert [len(part) for part in scored] == [64, 64, 64, 8]
    assert np.array_equal(np.concatenate(scored), wanted)
    assert len(np.unique(wanted[:, 1])) > 20
    assert sorted(found.outside.elements()) == sorted(outside)
    assert +found.outside == {"gates": 1, "place": 3, "wind, mph": 1}


@pytest.mark.parametrize(
    "type", [pa.float32(), pa.int8(), pa.uint64(), pa.decimal128(5, 1), pa.dictionary(pa.int8(), pa.int64()), pa.null()]
)
def test_a_number_may_have_any_type_of_numbers(tmp_path, type):
    values = [None, None] if pa.types.is_null(type) else [3, None]
    table = pa.Table.from_pandas(rows(2), preserve_index=False)
    array = pa.array(values, pa.int64()).dictionary_encode() if pa.types.is_dictionary(type) else pa.array(values, type)
    table = table.set_column(table.schema.get_field_index("gates"), "gates", array)
    pq.write_table(table, tmp_path / "rows.parquet")
    (tensors,) = Rows(tmp_path / "rows.parquet", "rows", SCHEMA).tensors(10)
    wanted = np.array([[np.nan if values[0] is None else 3], [np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(tensors["gates"], wanted)


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        ("code", [1.5, 2.5, 3.5], "column 'code' holds double, no text; write it as that"),
        ("wind, mph", ["1", "2", "3"], "column 'wind, mph' holds (large_)?string, no number"),
        ("wind, mph", [1.0, np.inf, 2.0], "column 'wind, mph': no number of 32 bits in row 1, from 0"),
        ("gates", [1.0, 2.0, 2.5], "column 'gates': no integer of 32 bits in row 2"),
        ("open", [1.0, None, 0.0], "column 'open': no value in row 1"),
        ("open", [0, 1, 2], "column 'open': no boolean of 32 bits in row 2"),
        ("code", ["a", "", "c"], "column 'code': no value in row 1"),
    ],
)
def test_what_can_not_be_predicted_from_is_named_with_its_row(tmp_path, name, values, fault):
    path = written(tmp_path, rows(3).assign(**{name: values}), "parquet")
    with pytest.raises(BadInput, match=f"^x/a: {fault}"):
        list(Rows(path, "x/a", SCHEMA).tensors(2))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"code,open\n1,1\n", r"column 'gates' is missing \(found: code, open\)"),
        (b"code,open,gates,place,gates,\"wind, mph\"\n", "column 'gates' stands there twice"),
        (b"code,open,gates,place,\"wind, mph\"\n1,1,many,JFK,1\n", "column 'gates': .*invalid value 'many'"),
        (b"code,open,gates,place,\"wind, mph\"\n1,1,1\n", "can't be read .*Expected 5 columns, got 3"),
        (b"code,open,gates,place,\"wind, mph\"\n\xff,1,1,JFK,1\n", "UTF"),
        (b"", "column 'code' is missing"),
    ],
)  # fmt: skip
def test_a_csv_that_can_not_be_read_is_named(tmp_path, content, fault):
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(BadInput, match=f"^x/a: .*{fault}"):
        list(Rows(tmp_path / "rows.csv", "x/a", SCHEMA).tensors(2))


def test_words_of_a_csv_mean_what_they_mean_in_training(tmp_path):
    text = '\ufeffcode,gates,open,place,"wind, mph"\nNA,NA,True,"J\nK",null\n007,2.0,0,,1e1\n'
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    (tensors,) = Rows(tmp_path / "rows.csv", "x", SCHEMA).tensors(10)
    plain = {name: values.ravel().tolist() for name, values in tensors.items()}
    assert plain["code"] == ["NA", "007"]
    assert plain["place"] == ["J\nK", ""]
    assert plain["open"] == [1.0, 0.0]
    assert str(plain["gates"]) == "[nan, 2.0]"
    assert str(plain["wind, mph"]) == "[nan, 10.0]"


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"rows")
    with pytest.raises(BadInput, match=r"^x/a: can't be read .*; write the file again"):
        list(Rows(tmp_path / "rows.parquet", "x/a", SCHEMA).tensors(2))


def test_no_rows_are_no_fault(tmp_path):
    path = written(tmp_path, rows(3).iloc[:0], "parquet")
    assert sum(len(tensors["open"]) for tensors in Rows(path, "x", SCHEMA).tensors(2)) == 0
    path = written(tmp_path, rows(3).iloc[:0], "csv")
    assert sum(len(tensors["open"]) for tensors in Rows(path, "x", SCHEMA).tensors(2)) == 0


def test_one_missing_text_in_pandas_is_missing_here(tmp_path):
    table = rows(3).assign(place=pd.Series(["JFK", None, ""], dtype=object))
    (tensors,) = Rows(written(tmp_path, table, "parquet"), "x", SCHEMA).tensors(10)
    assert tensors["place"].ravel().tolist() == ["JFK", "", ""]
