"""The smoke test, against a real service, and against one that gets one thing wrong at a time."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import msgspec
import pytest
import requests

from mlops import params
from mlops.contract import Golden, ModelInfo, Release, decode, save
from mlops.releasing import smoke
from tests.conftest import ROOT
from tests.mlops.releasing.conftest import digest
from tests.waiting import PATIENCE, address

pytestmark = pytest.mark.xdist_group("smoke")  # they share a service
LIMITS = params.load(ROOT).judge
TOKEN = "secret"  # noqa: S105 (of this test's own service)


def lay(folder, files):
    for name, content in files.items():
        save(folder / name, content)
    md5s = {name: digest(content) for name, content in files.items()}
    save(folder / "release.json", Release(version=folder.name, commit="a" * 40, files=md5s))
    return folder


@pytest.fixture(scope="module")
def release(models, tmp_path_factory):
    """A folder of releases whose current one is v1.0.0."""
    folder = lay(tmp_path_factory.mktemp("releases") / "v1.0.0", models[0])
    (folder.parent / "current").symlink_to("v1.0.0")
    return folder


@pytest.fixture(scope="module")
def service(release, tmp_path_factory):
    """The address of a real service that asks for a token."""
    scratch = tmp_path_factory.mktemp("service")
    words = [f"--releases={release.parent}", f"--spool={scratch / 'spool'}", "--port=0"]
    environment = {**os.environ, "STORE_URL": f"sqlite:///{scratch}/store.db", "SERVICE_TOKEN": TOKEN}
    command = [sys.executable, "-m", "pipelines.serve", *words]
    with (
        (scratch / "log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield address(scratch / "log")
        finally:
            process.terminate()


def failed(checks):
    return {check.name for check in checks if not check.holds}


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """A few requests show as much as many; what is too slow is a matter of the test that is about it."""
    monkeypatch.setattr(smoke, "LOAD", 40)
    monkeypatch.setattr(smoke, "SLOWEST", PATIENCE)


def test_a_service_that_is_right_passes_every_check(service, release):
    assert smoke.wait_for(service, "v1.0.0", PATIENCE, TOKEN).holds
    checks = smoke.run(service, release, release, LIMITS, TOKEN)
    assert failed(checks) == set(), smoke.table(checks)
    names = [check.name for check in checks]
    assert {"/schema", "golden rows", "refuses a wrong type", "load", "size", "memory of a process"} <= set(names)


def test_a_version_that_never_comes_is_told_after_a_while(service):
    assert smoke.wait_for(service, "v1.0.0", PATIENCE, TOKEN).holds
    assert smoke.wait_for(service, "v9.0.0", 0.1, TOKEN) == smoke.Check("version", False, "answers with v1.0.0")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", None])
def test_no_service_or_one_that_takes_no_token_of_ours_is_no_version(url, service):
    found = smoke.wait_for(url or service, "v1.0.0", 0, "another")
    assert not found.holds


@dataclass
class Answer:
    status: int
    body: bytes

    def change(self, edit):
        content = json.loads(self.body)
        edit(content)
        return Answer(self.status, json.dumps(content).encode())


@pytest.fixture
def wrong(service):
    """Puts a server in front of the service; the function gets path, request and answer, and returns another answer."""
    servers = []

    def make(spoil: Callable[[str, bytes, Answer], Answer]) -> str:
        servers.append(
            ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Proxy,), {"to": service, "spoil": spoil}))
        )
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


class Proxy(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        real = requests.request(self.command, self.to + self.path, data=body, headers=kept, timeout=PATIENCE)
        made = type(self).spoil(self.path, body, Answer(real.status_code, real.content))
        self.send_response(made.status)
        self.send_header("Content-Length", str(len(made.body)))
        self.end_headers()
        self.wfile.write(made.body)

    do_GET = do_POST = answer  # noqa: N815 (http.server looks for these names)

    def log_message(self, *_):
        """Stay quiet."""


def status(path, number):
    return lambda asked, _body, answer: Answer(number, answer.body) if asked == path else answer


def edited(path, edit, rows=0):
    """Of answers to requests of at least so many rows."""

    def spoil(asked, body, answer):
        right = asked == path and answer.status == 200 and (not rows or len(json.loads(body)["rows"]) >= rows)
        return answer.change(edit) if right else answer

    return spoil


def shift(content, by):
    content["predictions"][0]["probabilities"]["0"] += by


def row_of(schema):
    return schema["components"]["schemas"]["Row"]["properties"]


def late(_path, body, answer):
    """One of twenty requests of one row takes longer than a client waits."""
    if body.count(b'"carrier"') == 1 and next(COUNTER) % 20 == 7:
        time.sleep(2 * IMPATIENT)
    return answer


COUNTER = iter(range(100_000))
IMPATIENT = 0.5  # seconds; where others take as long, the check fails as it should, too


def accepts(what):
    """Answers what it should refuse."""
    return lambda path, body, answer: Answer(200, b"{}") if path == "/predict" and what in body else answer


def breaks(what):
    return lambda path, body, answer: Answer(500, b"oops") if path == "/predict" and what in body else answer


FAULTS = {
    "alive": (status("/health/live", 503), "/health/live"),
    "ready": (status("/health/ready", 503), "/health/ready"),
    "metrics": (status("/metrics", 404), "/metrics"),
    "path": (edited("/schema", lambda found: found["paths"].pop("/predict")), "/schema"),
    "input": (edited("/schema", lambda found: row_of(found).pop("wind")), "/schema"),
    "golden value": (edited("/predict", lambda found: shift(found, 1e-4)), "golden rows"),
    "golden order": (edited("/predict", lambda found: found["predictions"].reverse(), 20), "golden rows"),
    "golden count": (edited("/predict", lambda found: found["predictions"].pop(), 20), "golden rows"),
    "golden form": (edited("/predict", lambda found: found.pop("predictions"), 20), "golden rows"),
    "golden NaN": (edited("/predict", lambda found: shift(found, float("nan")), 20), "golden rows"),
    "type": (accepts(b'{"a": 1}'), "refuses a wrong type"),
    "column": (accepts(b"no such column"), "refuses an unknown column"),
    "fault of the service": (breaks(b"no such column"), "refuses an unknown column"),
    "slow": (late, "load"),
    "fails at times": (lambda path, body, answer: status("/predict", 500)(path, body, answer)
                       if body.count(b'"carrier"') == 1 and next(COUNTER) % 20 == 7 else answer, "load"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_service_that_is_wrong_in_one_thing_fails_for_it(name, wrong, service, release, monkeypatch):
    if name == "slow":
        monkeypatch.setattr(smoke, "SLOWEST", IMPATIENT)
    assert smoke.wait_for(service, "v1.0.0", PATIENCE, TOKEN).holds
    spoil, check = FAULTS[name]
    assert check in failed(smoke.run(wrong(spoil), release, None, LIMITS, TOKEN))


def test_in_front_of_the_service_the_same_server_passes_as_long_as_it_changes_nothing(wrong, release):
    url = wrong(lambda _path, _body, answer: answer)
    assert smoke.wait_for(url, "v1.0.0", PATIENCE, TOKEN).holds
    assert failed(smoke.run(url, release, None, LIMITS, TOKEN)) == set()


def test_another_model_than_the_one_that_was_tagged_fails(service, models, tmp_path):
    assert "golden rows" in failed(smoke.run(service, lay(tmp_path / "v1.0.0", models[1]), None, LIMITS, TOKEN))


def test_a_model_that_costs_more_than_the_champion_allows_fails(service, release, models, tmp_path):
    small = msgspec.structs.replace(LIMITS, max_size=1.0)
    champions = [lay(tmp_path / str(n), model) for n, model in enumerate(models)]
    champion = min(champions, key=lambda folder: (folder / "model.onnx").stat().st_size)
    assert (champion / "model.onnx").stat().st_size < (release / "model.onnx").stat().st_size
    assert "size" in failed(smoke.run(service, release, champion, small, TOKEN))
    assert "size" not in failed(smoke.run(service, release, release, small, TOKEN))


def test_the_table_shows_what_failed():
    checks = [smoke.Check("/metrics", True, "status 200"), smoke.Check("load", False, "p99 2000 ms")]
    assert smoke.table(checks).splitlines()[2:] == [
        "| /metrics | yes | status 200 |",
        "| load | **no** | p99 2000 ms |",
    ]


@pytest.mark.parametrize(("factor", "holds"), [(1 + 1e-7, True), (1 + 1e-4, False)])
def test_values_of_a_regression_are_compared_by_their_size(factor, holds, models):
    """As agent and service do: float32 has seven digits, wherever the point is."""
    golden = Golden(rows={"wind": [1.0, 2.0]}, predictions=[[1e5], [2e5]])
    about = decode(ModelInfo, models[0]["model.json"], "model.json")
    info = msgspec.structs.replace(about, task="regression", golden=golden)
    predictions = [{"value": 1e5 * factor}, {"value": 2e5}]
    answer = SimpleNamespace(status_code=200, json=lambda: {"predictions": predictions})
    session = SimpleNamespace(post=lambda *_, **__: answer)
    assert smoke._golden(session, "", info, []).holds is holds
