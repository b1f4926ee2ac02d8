import json
import re

import jsonschema
import msgspec
import pytest

from mlops.contract import BadInput, decode, encode
from mlops.judging.record import Bin, Change, Changes, Comparison, Decision, Side

SIDE = Side(commit="a" * 40, subject="feat: rain", data={"a.csv": "1" * 32})
FOUND = Comparison(
    version=1,
    verdict="unchanged",
    decision=Decision(accepted=True, reasons=["no byte changed"]),
    base=SIDE,
    head=SIDE,
    changes=Changes(params=[Change(what="train.seed", base="0", head="1")]),
    head_bins=[Bin(rows=3, predicted=0.25, observed=0.5)],
)
TEXT = encode(FOUND)
FAULTS = [
    ('"version": 1', '"version": 2', "Invalid enum value 2 - at `$.version`"),
    ('"version": 1', '"version": "1"', "Expected `int`, got `str` - at `$.version`"),
    ('"version": 1', '"version": 1, "extra": 1', "unknown field `extra`"),
    ('"reasons"', '"reason": 1, "reasons"', "unknown field `reason` - at `$.decision`"),
    ('"unchanged"', '"excellent"', "Invalid enum value 'excellent' - at `$.verdict`"),
    ("0.25", "NaN", "JSON is malformed"),
    ("0.25", "1e999", "Number out of range - at `$.head_bins[0].predicted`"),
    ("0.25", "null", "Expected `float`, got `null` - at `$.head_bins[0].predicted`"),
    ('"rows": 3', '"rows": -3', "Expected `int` >= 0 - at `$.head_bins[0].rows`"),
    ("feat: rain", "x" * 501, "Expected `str` of length <= 500 - at `$.base.subject`"),
    ("1" * 32, "x" * 501, "Expected `str` of length <= 500 - at `$.base.data[...]`"),
    ('"train.seed"', '"' + "é" * 501 + '"', "Expected `str` of length <= 500 - at `$.changes.params[0].what`"),
    ("a" * 40, "A" * 40, "Expected `str` matching regex '^[0-9a-f]{40}$' - at `$.base.commit`"),
    ("a" * 40, "main", "Expected `str` matching regex '^[0-9a-f]{40}$' - at `$.base.commit`"),
    ('"no byte changed"', ", ".join(['"r"'] * 101), "Expected `array` of length <= 100 - at `$.decision.reasons`"),
]


def test_a_comparison_survives_a_round_trip_and_follows_its_json_schema():
    assert decode(Comparison, TEXT, "comparison.json") == FOUND
    jsonschema.validate(json.loads(TEXT), msgspec.json.schema(Comparison))


@pytest.mark.parametrize(("old", "new", "fault"), FAULTS)
def test_a_comparison_that_breaks_a_rule_is_refused_with_the_key(old, new, fault):
    broken = TEXT.decode().replace(old, new, 1)
    assert broken != TEXT.decode()
    with pytest.raises(BadInput, match=rf"^comparison\.json: .*{re.escape(fault)}"):
        decode(Comparison, broken, "comparison.json")
