import json
import subprocess

import msgspec
import pytest

from mlops.contract import Golden, Release
from mlops.serving.openapi import document, example
from mlops.serving.requests import Requests
from tests.mlops.serving.conftest import LIMITS, SCHEMA, info
from tests.waiting import PATIENCE

RELEASE = Release(version="v1.0.0", commit="0" * 40, files={})


def row(limits):
    return document(RELEASE, info(), limits)["components"]["schemas"]["Row"]


def test_columns_have_their_types_units_and_needs():
    made = row(LIMITS)
    assert made["required"] == ["at", "wind speed", "open", "name"]
    assert made["properties"]["at"] == {"type": "string", "format": "date-time", "description": "time"}
    assert made["properties"]["gates"]["type"] == ["integer", "null"]
    assert made["properties"]["wind speed"]["description"] == 'mph; input; usual: {"minimum":0,"maximum":100}'
    assert "enum" not in made["properties"]["name"]


def test_ranges_are_rules_only_where_they_are_enforced():
    made = row(msgspec.structs.replace(LIMITS, out_of_range="refuse"))
    assert (made["properties"]["wind speed"]["minimum"], made["properties"]["gates"]["maximum"]) == (0, 9)
    assert made["properties"]["name"]["enum"] == ["JFK", "EWR"]


@pytest.mark.parametrize(("speeds", "shown"), [([2.0, 4.0], 2.0), ([101.0, 4.0], 4.0), ([101.0, 102.0], 0.0)])
def test_the_example_is_accepted_even_by_a_service_that_refuses_what_is_out_of_range(speeds, shown):
    golden = Golden(rows={**info().golden.rows, "wind speed": speeds}, predictions=[[2.0], [4.0]])
    made = example(info(golden=golden))
    assert made["wind speed"] == shown
    strict = Requests(SCHEMA, msgspec.structs.replace(LIMITS, out_of_range="refuse"))
    assert len(strict.read(json.dumps({"rows": [made]}).encode())[0]) == 1


def test_an_answer_is_a_value_or_a_probability_a_class():
    for classes, properties in (([], {"value"}), ([0, 1], {"probabilities"})):
        answer = document(RELEASE, info(classes=classes), LIMITS)["components"]["schemas"]["Answer"]
        assert set(answer["properties"]["predictions"]["items"]["properties"]) == {"id", "model", *properties}


@pytest.mark.parametrize("out_of_range", ["count", "refuse"])
def test_the_service_keeps_its_own_schema_whatever_is_asked(service, folder, out_of_range):
    """Every check of schemathesis but one: years, and one id a row, are rules that no JSON schema can say."""
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("out_of_range: count", f"out_of_range: {out_of_range}"))
    service.start("/health/ready")
    done = subprocess.run(
        ["schemathesis", "run", f"{service.client.base_url}/schema", "--checks=all", "--max-examples=20",
         "--exclude-checks=positive_data_acceptance", "--generation-deterministic", "--no-color",
         "--suppress-health-check=too_slow", f"--request-timeout={PATIENCE}"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Tested: 5" in done.stdout
    assert service.metric('requests_total{path="/predict",status="422"}') > 5
    assert service.metric('requests_total{path="/predict",status="200"}') > 5
