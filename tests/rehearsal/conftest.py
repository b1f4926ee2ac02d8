"""The small GitHub, and a client that knows nothing of it but its address."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from rehearsal.api import GitHub
from tests.waiting import PATIENCE

CML = Path(__file__).parents[2] / "rehearsal/cml"


@dataclass(frozen=True)
class Reply:
    status: int
    content: Any
    headers: Message


class Unredirected(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Redirects are answers like any other."""


OPENER = urllib.request.build_opener(Unredirected)


def ask(url: str, token: str | None = None, method: str = "GET", body: Any = None) -> Reply:
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 (loopback)
    try:
        answer = OPENER.open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        content = answer.read()
    is_json = "json" in answer.headers.get("Content-Type", "") and content
    return Reply(answer.status, json.loads(content) if is_json else content, answer.headers)


@dataclass(frozen=True)
class Job:
    """A job with a token, in the repository of `hub`."""

    hub: GitHub
    token: str | None

    def get(self, path: str) -> Reply:
        return ask(f"{self.hub.api}{path}", self.token)

    def post(self, path: str, body: Any) -> Reply:
        return ask(f"{self.hub.api}{path}", self.token, "POST", body)

    def patch(self, path: str, body: Any) -> Reply:
        return ask(f"{self.hub.api}{path}", self.token, "PATCH", body)

    def delete(self, path: str) -> Reply:
        return ask(f"{self.hub.api}{path}", self.token, "DELETE")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    with GitHub(tmp_path / "github") as served:
        yield served


@pytest.fixture
def job(hub):
    """Makes jobs: ``job(contents="read", pull_requests="write")``."""
    return lambda **permissions: Job(
        hub, hub.token({name.replace("_", "-"): level for name, level in permissions.items()})
    )
