import re

import pytest

from mlops.contract import BadInput, Column, Schema, Summary, column, decode, encode, save

X, Y = column("number", "input"), column("integer", "target")


@pytest.mark.parametrize(
    ("columns", "key", "fault"),
    [
        ({"x": X}, (), "0 columns have the role 'target' (none); name exactly one"),
        ({"x": X, "y": Y, "z": Y}, (), "2 columns have the role 'target' (y, z); name exactly one"),
        ({"x": X, "y": column("integer", "target", "input")}, (), "the target 'y' is among the inputs; take the role"),
        ({"y": Y}, (), "no column has the role 'input'; name at least one"),
        (
            {"x": X, "y": Y, "t": column("text", "time")},
            (),
            "the role 'time' goes to at most one column of type 'timestamp', not to t",
        ),
        ({"x": X, "y": Y, "t": column("timestamp", "input")}, (), "'t' is a timestamp and an input; give the model"),
        ({"x": column("number", "input", "ignored"), "y": Y}, (), "'x' is 'ignored' and has other roles, too; choose"),
        ({"x": X, "y": Y}, ("id",), "key names 'id', which isn't a column; known are x, y"),
    ],
)
def test_an_inconsistent_schema_is_refused_with_file_column_and_remedy(columns, key, fault):
    with pytest.raises(BadInput, match=re.escape(f"src/problem/schema.py: {fault}")):
        Schema(task="binary", columns=columns, key=key)


def test_a_consistent_schema_finds_columns_by_role():
    schema = Schema(task="binary", columns={"t": column("timestamp", "time"), "x": X, "y": Y})
    assert (schema.time, schema.inputs, schema.target) == ("t", ["x"], "y")


@pytest.mark.parametrize(("key", "identity"), [((), ["x", "y"]), (("x",), ["x"])])
def test_rows_are_identified_by_the_key_or_else_by_every_column_that_is_not_ignored(key, identity):
    columns = {"x": X, "note": column("text", "ignored"), "y": Y}
    assert Schema(task="binary", columns=columns, key=key).identity == identity


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'{"type": "float", "roles": []}', "Invalid enum value 'float' - at `$.type`"),
        (b'{"type": "number", "roles": [], "low": "1"}', "got `str` - at `$.low`"),
        (b'{"type": "number"}', "missing required field `roles`"),
        (b'{"type": "number", "roles": [], "low": NaN}', "malformed"),
        (b'{"type": "\xff"}', "can't decode byte 0xff"),
        (b"", "truncated"),
    ],
)
def test_json_that_is_no_such_record_is_refused_with_its_place_and_key(text, fault):
    with pytest.raises(BadInput, match=f"^model.json: .*{re.escape(fault)}"):
        decode(Column, text, "model.json")


def test_a_key_of_a_newer_format_is_passed_over():
    newer = decode(Column, b'{"type": "number", "roles": ["input"], "precision": 2}', "model.json")
    assert newer == column("number", "input")


def test_json_survives_a_round_trip():
    summary = Summary(missing=1, mean=0.1, quantiles=[0.0, 1e-7], counts={"é|`": 3})
    assert decode(Summary, encode(summary), "profile.json") == summary


def test_json_does_not_depend_on_the_order_of_keys():
    assert encode({"b": 1, "a": [2]}) == encode({"a": [2], "b": 1}) != encode({"a": [2], "b": 2})


def test_saving_makes_folders_and_leaves_nothing_beside_the_file(tmp_path):
    save(tmp_path / "new/metrics.json", {"loss": 0.5})
    save(tmp_path / "new/model.onnx", b"\x00\xff")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == {
        "metrics.json": b'{\n "loss": 0.5\n}\n',
        "model.onnx": b"\x00\xff",
    }


def test_a_value_that_json_cannot_say_leaves_the_old_file_in_place(tmp_path):
    save(tmp_path / "metrics.json", {"loss": 0.5})
    with pytest.raises(TypeError):
        save(tmp_path / "metrics.json", {"loss": object()})
    assert b"0.5" in (tmp_path / "metrics.json").read_bytes()
