"""The service as a real process on loopback."""

import re
from datetime import UTC, datetime

import pytest

from mlops.store import Store
from tests.mlops.serving.conftest import ROOT, ROW, Process, point, release


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One service for the tests that only ask it something; its limits are small."""
    folder = tmp_path_factory.mktemp("service")
    params = (ROOT / "params.yaml").read_text()
    params = params.replace("max_rows: 10000", "max_rows: 100").replace("max_bytes: 5000000", "max_bytes: 100000")
    (folder / "params.yaml").write_text(params)
    release(folder / "releases", "v1.0.0")
    point(folder / "releases", "v1.0.0")
    service = Process(folder).start("/health/ready")
    yield service
    assert service.stop() == 0, service.log()


def store(service):
    return Store.connect(f"sqlite:///{service.folder}/store.db")


def stored(service, id):
    """The prediction, when it has been shipped."""
    service.until(lambda: store(service).prediction(id))
    return store(service).prediction(id)


def test_a_prediction_is_answered_and_found_again_in_the_store(running):
    before = datetime.now(UTC)
    answer = running.predict({**ROW, "wind speed": 4}, ROW)
    assert (answer.status_code, answer.headers["x-model-version"]) == (200, "v1.0.0")
    assert answer.json()["model"] == "v1.0.0"
    first, second = answer.json()["predictions"]
    assert (first["value"], second["value"]) == (4.0, 2.5)
    kept = stored(running, first["id"])
    assert (kept.version, kept.output, kept.role) == ("v1.0.0", {"value": 4.0}, "production")
    assert kept.row == {**ROW, "wind speed": 4.0, "name": "***"}
    assert kept.event_time.isoformat() == "2013-05-31T17:00:00+00:00"
    assert before <= kept.at <= datetime.now(UTC)


def test_no_byte_of_a_sensitive_value_reaches_the_disk(running):
    answer = running.predict({**ROW, "name": "a-secret-name"}, ids=["sensitive"])
    assert answer.status_code == 200
    assert stored(running, "sensitive").row["name"] == "***"
    files = [path for path in running.folder.rglob("*") if path.is_file()]
    assert [path for path in files if b"a-secret-name" in path.read_bytes()] == []


def test_the_first_answer_under_an_id_is_the_one_that_is_kept(running):
    for speed in (1, 2):
        assert running.predict({**ROW, "wind speed": speed}, ids=["twice"]).status_code == 200
    assert stored(running, "twice").output == {"value": 1.0}


def test_an_outcome_is_noted_and_a_wrong_one_refused(running):
    outcome = {"id": "known", "value": 3}
    assert running.client.post("/outcomes", json={"outcomes": [outcome]}).status_code == 202
    running.until(lambda: store(running).outcome("known"))
    assert store(running).outcome("known").value == 3.0
    wrong = running.client.post("/outcomes", json={"outcomes": [outcome, {"id": "known", "value": 1}]})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "outcomes[1].id")
    wrong = running.client.post("/outcomes", json={"outcomes": [{"id": "other", "value": "late"}]})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "outcomes[0].value")


@pytest.mark.parametrize(
    ("request_", "status", "field"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, ""),
        ({"content": b"a=1", "headers": {"content-type": "text/plain"}}, 415, "content-type"),
        ({"content": b"{}"}, 415, "content-type"),
        ({"json": {"rows": [ROW] * 101}}, 422, "rows"),
        ({"json": {"rows": [ROW] * 100_000}}, 413, "body"),
        ({"content": b" " * 10_000_000, "headers": {"content-type": "application/json"}}, 413, "body"),
        ({"content": iter([b" " * 1000] * 1000), "headers": {"content-type": "application/json"}}, 413, "body"),
        ({"json": {"rows": [{**ROW, "wind": 1}]}}, 422, "rows[0].wind"),
    ],
)
def test_a_bad_request_gets_4xx_with_field_and_rule_and_the_next_one_an_answer(running, request_, status, field):
    answer = running.client.post("/predict", **request_)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)
    assert answer.json()["error"]["rule"]
    assert answer.json()["error"]["message"]
    assert running.predict().status_code == 200


def test_another_method_or_path_is_refused(running):
    assert running.client.get("/predict").status_code == 405
    assert running.client.get("/predict").headers["allow"] == "POST"
    assert running.client.post("/model").headers["allow"] == "GET"
    assert running.client.get("/nothing").json()["error"]["rule"] == "path"


def test_values_out_of_range_are_answered_and_counted(running):
    name = 'out_of_range_total{column="wind speed"}'
    before = running.metric(name)
    assert running.predict({**ROW, "wind speed": 101}, {**ROW, "wind speed": 100}).status_code == 200
    assert running.metric(name) == before + 1


def test_metrics_say_what_happened(running):
    ok, bad = 'requests_total{path="/predict",status="200"}', 'requests_total{path="/predict",status="422"}'
    before = [running.metric(name) for name in (ok, bad, "rows_total", "predict_seconds_count")]
    running.predict(ROW, ROW)
    running.predict({})
    after = [running.metric(name) for name in (ok, bad, "rows_total", "predict_seconds_count")]
    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 1, 2, 2]
    assert running.metric('model_info{version="v1.0.0"}') == 1


def test_the_status_page_is_there_and_asks_nobody_else(running):
    answer = running.client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<h1>v1.0.0 answers</h1>" in answer.text
    assert running.metric('requests_total{path="/",status="200"}') >= 1
    assert running.client.post("/").status_code == 405


def test_model_says_what_is_served_and_what_it_takes(running):
    said = running.client.get("/model").json()
    assert (said["version"], said["commit"], said["task"]) == ("v1.0.0", "0" * 40, "regression")
    assert said["inputs"]["wind speed"]["unit"] == "mph"
    assert said["schema"]["columns"]["at"]["roles"] == ["time"]
    assert set(said["inputs"]) == {"wind speed", "gates", "open", "name"}


def test_the_example_of_the_schema_is_answered(running):
    schema = running.client.get("/schema").json()
    example = schema["components"]["schemas"]["Request"]["example"]
    assert running.client.post("/predict", json=example).status_code == 200


def test_a_token_is_asked_for_where_one_is_set(service):
    service.environment = {"SERVICE_TOKEN": "right"}
    service.start("/health/ready")
    assert service.predict().status_code == 401
    assert service.client.get("/model").status_code == 401
    assert service.client.get("/metrics").status_code == 200
    for path, asked in (("/", "Basic"), ("/model", "Bearer")):
        assert service.client.get(path).headers["www-authenticate"].startswith(asked)
    for password, status in (("wrong", 401), ("right", 200)):
        assert service.client.get("/", auth=("anyone", password)).status_code == status
        assert service.client.get("/model", auth=("anyone", password)).status_code == 401
    assert service.client.get("/", headers={"authorization": "Basic ="}).status_code == 401
    for token, status in (("wrong", 401), ("right", 200)):
        service.client.headers["authorization"] = f"Bearer {token}"
        assert service.predict().status_code == status


def test_it_starts_without_a_release_and_is_ready_when_one_comes(service):
    (service.folder / "releases/current").unlink()
    service.start()
    for path in ("/health/ready", "/model", "/schema"):
        assert service.client.get(path).status_code == 503
    assert service.predict().json()["error"]["rule"] == "ready"
    assert "No version is served yet" in service.client.get("/").text
    point(service.folder / "releases", "v1.0.0")
    service.until(lambda: service.client.get("/health/ready").status_code == 200)
    assert service.predict().status_code == 200


@pytest.mark.parametrize(
    ("environment", "options", "params", "fault"),
    [
        ({"STORE_URL": "mysql://host/name"}, (), "count", "STORE_URL: .*"),
        ({}, (), "maybe", "params.yaml: .*out_of_range.*"),
        ({}, ("--port=1", "--host=192.0.2.1"), "count", "192.0.2.1:1: .*; choose another --host or --port"),
        ({}, ("--port=70000",), "count", "127.0.0.1:70000: .* 0-65535.; choose another --host or --port"),
        ({}, ("--spool=params.yaml",), "count", "params.yaml: File exists; give --spool a folder .*"),
    ],
)
def test_a_fault_of_the_settings_is_one_line(service, folder, environment, options, params, fault):
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("out_of_range: count", f"out_of_range: {params}"))
    service.environment, service.options = environment, options
    with pytest.raises(AssertionError):
        service.start()
    assert re.fullmatch(f"error: {fault}\n", service.log())
