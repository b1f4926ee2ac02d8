"""The service through switches, signals, a database that is gone and a disk that is full."""

import itertools
import json
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse

import httpx
import pytest
import sqlalchemy as sql

from mlops.store import Store
from tests.mlops.serving.conftest import ROW, point, release
from tests.waiting import PATIENCE, eventually


def stored(service):
    """The ids of all predictions of the last hour that the store has."""
    now = datetime.now(UTC)
    store = Store.connect(f"sqlite:///{service.folder}/store.db")
    return {found.id for found, _ in store.between(now - timedelta(hours=1), now)}


class Load(threading.Thread):
    """Asks without a pause until it is stopped; keeps the id of every answer, and every failure."""

    def __init__(self, service, factors):
        super().__init__(daemon=True)
        self.service, self.factors = service, factors
        self.ids, self.versions, self.failures, self.wrong = [], set(), [], []
        self.ended = threading.Event()

    def run(self):
        with httpx.Client(base_url=self.service.client.base_url, timeout=PATIENCE) as client:
            for number in itertools.count():
                if self.ended.is_set():
                    return
                try:
                    answer = client.post("/predict", json={"rows": [{**ROW, "wind speed": number % 100}]})
                except httpx.TransportError as error:
                    self.failures.append(error)
                    return
                self.note(number % 100, answer)

    def note(self, speed, answer):
        if answer.status_code != 200:
            self.failures.append(answer)
            return
        said, header = answer.json(), answer.headers["x-model-version"]
        self.versions.add(header)
        self.ids.append(said["predictions"][0]["id"])
        if said["predictions"][0]["value"] != speed * self.factors[header] or said["model"] != header:
            self.wrong.append(said)

    @staticmethod
    def answer(loads, number):
        """Wait until so many more requests have been answered."""
        before = sum(len(load.ids) for load in loads)
        eventually(
            lambda: any(load.failures for load in loads) or sum(len(load.ids) for load in loads) > before + number
        )

    @classmethod
    def start_many(cls, service, factors, number=4):
        made = [cls(service, factors) for _ in range(number)]
        for one in made:
            one.start()
        return made


def test_a_switch_under_load_drops_no_request_and_mixes_no_versions(service):
    factors = {"v1.0.0": 1, "v2.0.0": 2}
    release(service.folder / "releases", "v2.0.0", 2)
    service.start("/health/ready")
    loads = Load.start_many(service, factors)
    for version in ("v2.0.0", "v1.0.0", "v2.0.0"):
        Load.answer(loads, 20)
        point(service.folder / "releases", version)
        service.until(lambda: service.client.get("/model").json()["version"] == version)  # noqa: B023
    for load in loads:
        load.ended.set()
        load.join()
    assert [load.failures + load.wrong for load in loads] == [[]] * len(loads)
    assert set.union(*(load.versions for load in loads)) == set(factors)


def test_a_wrong_release_is_refused_while_the_old_one_answers(service):
    service.start("/health/ready")
    (release(service.folder / "releases", "v2.0.0", 2) / "model.onnx").write_bytes(b"damaged")
    point(service.folder / "releases", "v2.0.0")
    service.until(lambda: service.metric("load_failures_total") >= 1)
    assert service.predict().headers["x-model-version"] == "v1.0.0"
    assert "release refused" in service.events()


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM])
def test_an_end_under_load_loses_no_answered_prediction(service, signal_):
    service.start("/health/ready")
    loads = Load.start_many(service, {"v1.0.0": 1})
    Load.answer(loads, 50)
    status = service.stop(signal_)
    for load in loads:
        load.join()
    assert status == (0 if signal_ == signal.SIGTERM else -signal_)
    if signal_ == signal.SIGKILL:
        service.start("/health/ready")
        service.until(lambda: service.metric("spool_bytes") == 0)
    answered = [id for load in loads for id in load.ids]
    assert len(answered) > 50
    assert set(answered) <= stored(service)


def test_a_request_that_has_come_is_answered_after_sigterm(service):
    """It has come once the service asks for its body, which it does by `100 Continue`."""
    service.start("/health/ready")
    base, body = service.client.base_url, json.dumps({"rows": [ROW]}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: {base.host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((base.host, base.port), PATIENCE) as client:
        client.sendall(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping" in service.events())
        client.sendall(body)
        answer = HTTPResponse(client)
        answer.begin()
        assert answer.status == 200
        id = json.load(answer)["predictions"][0]["id"]
    service.client.close()
    assert service.process.wait(PATIENCE) == 0
    assert stored(service) == {id}
    assert list((service.folder / "spool").iterdir()) == []


def test_a_database_that_stops_and_comes_back_gets_everything(service, postgres):
    url = sql.make_url(postgres).set(database="later").render_as_string(hide_password=False)
    admin = Store.connect(postgres)._engine.execution_options(isolation_level="AUTOCOMMIT")
    service.environment = {"STORE_URL": url}
    service.start("/health/ready")
    id = service.predict().json()["predictions"][0]["id"]
    service.until(lambda: service.metric("ship_failures_total") >= 1)
    assert service.metric("spool_bytes") > 0
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE later")
    service.until(lambda: service.metric("spool_bytes") == 0)
    assert Store.connect(url).prediction(id)


@pytest.mark.parametrize(("when_full", "status"), [("answer", 200), ("refuse", 503)])
def test_a_full_disk_is_visible_and_answers_go_on_or_stop(service, folder, when_full, status):
    text = (folder / "params.yaml").read_text()
    text = text.replace("when_full: answer", f"when_full: {when_full}").replace(
        "ship_interval: 1 ", "ship_interval: 60 "
    )
    (folder / "params.yaml").write_text(text)
    service.prefix = ("sh", "-c", 'ulimit -f 8; exec "$@"', "sh")  # blocks of 512 bytes a file
    service.start("/health/ready")
    statuses = [service.predict().status_code for _ in range(30)]
    assert statuses[0] == 200
    assert statuses[-1] == status
    if when_full == "refuse":
        refused = service.predict().json()["error"]
        assert refused["rule"] == "collection"
        assert "free the disk of the spool" in refused["message"]
        assert service.metric("lost_predictions_total") == 0
    else:
        assert service.metric("lost_predictions_total") > 0
    reported = {"outcomes": [{"id": f"a-long-id-{number}", "value": 1} for number in range(50)]}
    assert service.client.post("/outcomes", json=reported).status_code == 503
    assert service.events().count("the spool takes nothing") == 1


def test_with_fsync_many_at_once_are_answered_and_kept(service, folder):
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("fsync: false", "fsync: true"))
    service.start("/health/ready")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: service.predict(), range(100)))
    service.until(lambda: service.metric("spool_bytes") == 0)
    ids = [answer.json()["predictions"][0]["id"] for answer in answers]
    assert set(ids) == stored(service)
