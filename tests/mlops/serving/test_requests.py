import json
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from mlops.artifact import feeds
from mlops.serving.refusal import Refused
from mlops.serving.requests import MASK, Requests
from tests.mlops.serving.conftest import LIMITS, ROW, SCHEMA

READER = Requests(SCHEMA, LIMITS)
STRICT = Requests(SCHEMA, msgspec.structs.replace(LIMITS, out_of_range="refuse"))


def read(*rows, reader=READER, **more):
    return reader.read(json.dumps({"rows": rows, **more}).encode())


def without(name):
    return {key: value for key, value in ROW.items() if key != name}


def refused(*rows, reader=READER, **more):
    with pytest.raises(Refused) as refusal:
        read(*rows, reader=reader, **more)
    return refusal.value.status, refusal.value.field, refusal.value.rule


@pytest.mark.parametrize(
    "change",
    [
        {"gates": None}, {"gates": 3.0}, {"wind speed": 2}, {"region": "east"}, {"region": None}, {"note": None},
        {"delay": 5, "note": "x"}, {"wind speed": -1e38}, {"at": "2013-05-31T17:00:00+02:00"},
    ],
)  # fmt: skip
def test_a_row_is_accepted(change):
    rows, ids = read({**ROW, **change}, ROW, ids=["a", "b"])
    assert (len(rows), ids) == (2, ["a", "b"])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"wind speed": "2"}, "type"), ({"wind speed": True}, "type"), ({"wind speed": None}, "type"),
        ({"wind speed": 1e39}, "range"), ({"wind speed": 10**400}, "range"), ({"gates": 2.5}, "type"),
        ({"open": 1}, "type"), ({"open": "yes"}, "type"), ({"name": ""}, "length"), ({"name": None}, "type"),
        ({"name": 5}, "type"), ({"name": ["JFK"]}, "type"), ({"at": "yesterday"}, "format"), ({"at": 5}, "type"),
        ({"at": "0001-01-01T00:00:00+10:00"}, "range"), ({"at": "9999-12-31T23:59:59-10:00"}, "range"),
        ({"delay": "late"}, "type"), ({"colour": 1}, "unknown"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_place_and_rule(change, rule):
    assert refused(ROW, {**ROW, **change}) == (422, f"rows[1].{next(iter(change))}", rule)


@pytest.mark.parametrize("name", ["at", "wind speed", "open", "name"])
def test_a_column_may_be_absent_only_where_it_may_be_missing(name):
    assert refused(without(name)) == (422, f"rows[0].{name}", "required")
    assert read(without("gates"))


@pytest.mark.parametrize("change", [{"wind speed": -0.5}, {"gates": 10}, {"name": "LGA"}])
def test_what_is_out_of_range_is_counted_or_refused(change):
    rows, _ = read({**ROW, **change})
    assert list(READER.outside(rows)) == list(change)
    assert refused({**ROW, **change}, reader=STRICT)[1] == f"rows[0].{next(iter(change))}"
    inside, _ = read({**ROW, "wind speed": 100, "gates": 0}, reader=STRICT)
    assert list(READER.outside(inside)) == []


@pytest.mark.parametrize(
    ("body", "status", "field", "rule"),
    [
        (b"", 400, "", "json"), (b"{", 400, "", "json"), (b'{"rows": [NaN]}', 400, "", "json"),
        (b'{"rows": [{"wind speed": Infinity}]}', 400, "", "json"), (b"\xff\xfe", 400, "", "json"),
        (b'{"rows": [{"name": "\\ud800"}]}', 400, "", "json"), (b'{"rows": [{"name": "\xff"}]}', 400, "", "json"),
        (b"[]", 422, "", "type"), (b"{}", 422, "rows", "required"), (b'{"rows": []}', 422, "rows", "length"),
        (b'{"rows": {}}', 422, "rows", "type"), (b'{"rows": [1]}', 422, "rows[0]", "type"),
        (b'{"rows": ' + b"[" * 100_000, 422, "rows[0]", "type"), (b'{"row": []}', 422, "row", "unknown"),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused(body, status, field, rule):
    with pytest.raises(Refused) as refusal:
        READER.read(body)
    assert (refusal.value.status, refusal.value.field, refusal.value.rule) == (status, field, rule)


def test_too_many_rows_are_refused():
    assert len(read(*[ROW] * 10)[0]) == 10
    assert refused(*[ROW] * 11) == (422, "rows", "length")


@pytest.mark.parametrize(
    ("ids", "field", "rule"),
    [
        (["a"], "ids", "length"), (["a", "a"], "ids[1]", "unique"), (["a", ""], "ids[1]", "format"),
        (["a", "b\n"], "ids[1]", "format"), (["a", "b" * 65], "ids[1]", "format"), (["a", 1], "ids[1]", "type"),
        (None, "ids", "type"),
    ],
)  # fmt: skip
def test_ids_are_one_a_row_and_differ(ids, field, rule):
    assert read(ROW, ROW, ids=["a", "b" * 64])[1] == ["a", "b" * 64]
    assert refused(ROW, ROW, ids=ids) == (422, field, rule)


def test_an_unknown_column_is_answered_with_the_known_ones():
    with pytest.raises(Refused, match="known are wind speed, gates, open, name, at, region"):
        read({**ROW, "wind": 1})


def test_the_model_sees_what_it_saw_in_training():
    rows, _ = read(ROW, {**ROW, "gates": None, "open": False, "name": "EWR"})
    frame = {"wind speed": [2.5, 2.5], "gates": [3, None], "open": [1, 0], "name": ["JFK", "EWR"]}
    got, wanted = READER.feeds(rows), feeds(frame, SCHEMA)
    assert list(got) == list(wanted)
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(got[name], tensor)
        assert got[name].dtype == tensor.dtype


def test_a_time_without_an_offset_is_local():
    rows, _ = read({**ROW, "at": "2013-05-31T13:00:00"})
    assert READER.time(rows[0]) == datetime(2013, 5, 31, 17, tzinfo=UTC)


def test_sensitive_values_are_masked_and_others_kept():
    rows, _ = read(ROW)
    READER.mask(rows)
    assert json.loads(msgspec.json.encode(rows[0])) == {**ROW, "name": MASK}
