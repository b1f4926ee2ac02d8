import json

import pytest

from mlops.contract import column
from mlops.serving.outcomes import Outcomes
from mlops.serving.refusal import Refused
from tests.mlops.serving.conftest import LIMITS, SCHEMA, info


def reader(type="number", classes=()):
    columns = {**SCHEMA.columns, "delay": column(type, "target")}
    schema = type and SCHEMA.__class__(task="regression", columns=columns)
    return Outcomes(info(schema=schema, classes=list(classes)), LIMITS)


def read(outcomes, **how):
    return reader(**how).read(json.dumps({"outcomes": outcomes}).encode())


@pytest.mark.parametrize(
    ("value", "how", "kept"),
    [
        (2, {}, 2.0),
        (1.0, {"type": "integer", "classes": [0, 1]}, 1),
        ("late", {"type": "text", "classes": ["late"]}, "late"),
    ],
)  # fmt: skip
def test_a_value_is_kept_as_the_class_or_number_that_it_is(value, how, kept):
    found = read([{"id": "a", "value": value}], **how)[0]
    assert (found.id, found.value, type(found.value)) == ("a", kept, type(kept))


@pytest.mark.parametrize(
    ("outcomes", "how", "field", "rule"),
    [
        ([], {}, "outcomes", "length"),
        ([{"id": "a"}], {}, "outcomes[0].value", "required"),
        ([{"id": "a", "value": None}], {}, "outcomes[0].value", "type"),
        ([{"id": "a b", "value": 1}], {}, "outcomes[0].id", "format"),
        ([{"id": "a", "value": 1}, {"id": "a", "value": 1}], {}, "outcomes[1].id", "unique"),
        ([{"id": "a", "value": 2}], {"type": "integer", "classes": [0, 1]}, "outcomes[0].value", "category"),
        ([{"id": "a", "value": 1.5}], {"type": "integer", "classes": [0, 1]}, "outcomes[0].value", "type"),
        ([{"id": "a", "value": 1}] * 11, {}, "outcomes", "length"),
    ],
)
def test_a_wrong_report_is_refused_with_its_place_and_rule(outcomes, how, field, rule):
    with pytest.raises(Refused) as refusal:
        read(outcomes, **how)
    assert (refusal.value.status, refusal.value.field, refusal.value.rule) == (422, field, rule)
