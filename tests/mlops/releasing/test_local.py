"""Agent and service as processes of this machine: they answer, they follow, they end."""

import re
import shlex
import signal
import subprocess
import sys

import pytest
import requests

from mlops.contract import BadInput
from mlops.releasing import local, registry
from tests.conftest import ENVIRONMENT, ROOT
from tests.waiting import PATIENCE, eventually


def test_agent_and_service_answer_follow_and_end_with_the_block(bea, tmp_path):
    with local.served(ROOT, str(bea.root), "prod", tmp_path / "stand", interval=0.2) as found:
        assert version(found.url) == "v1.0.0"
        registry.assign(bea.root, "prod", "v1.1.0", "why")
        eventually(lambda: version(found.url) == "v1.1.0")
    assert (found.agent.returncode, found.service.returncode) == (-signal.SIGTERM, 0)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{found.url}/model", timeout=PATIENCE)


def version(url):
    return requests.get(f"{url}/model", timeout=PATIENCE).json()["version"]


def test_two_stands_never_share_an_address(bea, tmp_path):
    with (
        local.served(ROOT, str(bea.root), "prod", tmp_path / "one", interval=0.2) as one,
        pytest.raises(BadInput, match=r"no version is served; (?s:.*)Address already in use"),
        local.served(ROOT, str(bea.root), "prod", tmp_path / "two", int(one.url.rpartition(":")[2])),
    ):
        pytest.fail("served twice")


def test_no_version_is_told_with_what_the_agent_said(bea, tmp_path):
    with (
        pytest.raises(BadInput, match=r"no version is served; (?s:.*)no version was put into this stage yet"),
        local.served(ROOT, str(bea.root), "staging", tmp_path / "stand", interval=0.01),
    ):
        pytest.fail("served")


def test_a_process_that_ends_at_once_is_not_waited_for(tmp_path):
    (tmp_path / "pipelines").mkdir()
    with (
        pytest.raises(BadInput, match="No module named pipelines"),
        local.served(tmp_path, "nowhere", "prod", tmp_path / "stand"),
    ):
        pytest.fail("served")


def test_a_process_that_will_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(local, "END", 0.2)
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout.readline() == b"1\n"
        local.end(stubborn)
    assert stubborn.returncode == -signal.SIGKILL


def test_the_session_prints_a_curl_line_that_works_and_ends_when_asked(bea):
    """`nox -s serve`, in a repository that has a version already."""
    for name in ("params.yaml", "pipelines", "src"):
        (bea.root / name).symlink_to(ROOT / name)
    command = [sys.executable, "-u", "-m", "pipelines.local", "--port", "0"]
    with subprocess.Popen(command, cwd=bea.root, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as session:
        said = ""
        while "Ctrl-C" not in said and session.poll() is None:
            said += session.stdout.readline()
        try:
            (curl,) = (line for line in said.splitlines() if line.startswith("curl "))
            answer = subprocess.run(shlex.split(curl), capture_output=True, text=True, check=True).stdout
            assert '"model":"v1.0.0"' in answer
        finally:
            session.terminate()
    url = re.search(r"http://[\d.:]+", said)[0]
    assert session.returncode == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=PATIENCE)
