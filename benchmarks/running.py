"""Agent, service, PostgreSQL and two small disks on this machine, each of which can fail and come back."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import requests

from benchmarks.breakable import Database, database, disk
from benchmarks.mortal import FORKS, Mortal, Orders
from benchmarks.servers import free_port
from benchmarks.stand import Stand
from benchmarks.traffic import Answer
from mlops.contract import BadInput
from mlops.releasing import promotion, registry
from mlops.serving import current
from mlops.store import Store

STAGE = promotion.PRODUCTION
INTERVAL = 0.1  # of the agent, seconds
PATIENCE = 600.0  # seconds; ends a hang: agent and shipping wait a minute at most before they try again


@dataclass
class Running:
    """Everything that runs; `start` and `end` once, the rest as often as wanted."""

    made: Stand
    database: Database
    port: int = field(default_factory=free_port)
    service: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        log = self.made.folder / "agent.log"
        log.touch()
        orders = Orders(str(self.made.origin), STAGE, self.releases, INTERVAL, log, FORKS.Value("i", 0))
        self.agent = Mortal(orders)
        self.store = Store.connect(self.database.url)
        self.store.prediction("")  # makes the tables, before the service does

    @property
    def releases(self) -> Path:
        return self.made.folder / "releases"

    @property
    def spool(self) -> Path:
        return self.made.folder / "spool"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def wanted(self) -> str:
        return self.made.moves[-1].version

    @property
    def other(self) -> str:
        """A version to go to; the last of all is never wanted."""
        return self.made.versions[self.wanted == self.made.versions[0]]

    @cached_property
    def agent_lines(self) -> int:
        """How many lines of the agent's code bring a version to an empty folder."""
        self.agent.kill()
        self.forget(self.wanted)
        self.forget(".git")
        return self.agent.lines()

    def forget(self, name: str) -> None:
        shutil.rmtree(self.releases / name, ignore_errors=True)

    def want(self, version: str) -> None:
        """Put a version into the stage."""
        move = self.made.moving(version)
        registry.assign(self.made.origin, STAGE, version, "a trial", remote=None)
        move.after = time.time()

    def start_service(self) -> None:
        options = [f"--releases={self.releases}", f"--spool={self.spool}", f"--port={self.port}"]
        environment = {**os.environ, "STORE_URL": self.database.url}
        with (self.made.folder / "service.log").open("ab") as log:
            self.service = subprocess.Popen(
                [sys.executable, "-m", "pipelines.serve", *options],
                cwd=self.made.project,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def kill_service(self) -> None:
        if self.service:
            self.service.kill()
            self.service.wait()

    def heals(self) -> bool:
        """Is the wanted version served in the end, whole on disk, and collected by the store?"""
        if not eventually(lambda: self._version() == self.wanted):
            return False
        self.made.moves[-1].served = min(time.time(), self.made.moves[-1].served)
        return eventually(self._is_whole) and eventually(self._collects)

    def lost(self, answers: list[Answer], since: float) -> int:
        """Answered predictions that the store doesn't have, however long one waits."""
        eventually(lambda: "serving_spool_bytes 0\n" in self.metrics())
        begin, end = (datetime.fromtimestamp(at, UTC) for at in (since - 1, time.time() + 1))
        kept = {(one.id, one.version) for one, _ in self.store.between(begin, end)}
        return sum(one.status == 200 and (one.id, one.model) not in kept for one in answers)

    def predict(self, id: str) -> int:
        """The status of one request, 0 where nothing answers."""
        body = self.made.bodies[0].replace(b'{"rows"', f'{{"ids": ["{id}"], "rows"'.encode())
        with contextlib.suppress(requests.RequestException):
            head = {"Content-Type": "application/json"}
            return requests.post(f"{self.url}/predict", body, headers=head, timeout=30).status_code
        return 0

    def counted(self, name: str) -> int:
        """What a counter of the service says, 0 where nothing answers."""
        found = re.search(rf"^serving_{name} (\d+)$", self.metrics(), re.MULTILINE)
        return int(found[1]) if found else 0

    def metrics(self) -> str:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/metrics", timeout=30).text
        return ""

    def _version(self) -> str | None:
        with contextlib.suppress(requests.RequestException):
            version: str | None = requests.get(f"{self.url}/model", timeout=30).json().get("version")
            return version
        return None

    def _is_whole(self) -> bool:
        try:
            current.load(self.releases / (self.releases / "current").readlink(), self.made.limits.serve)
        except (BadInput, OSError):
            return False
        return (self.releases / "current").readlink().name == self.wanted

    def _collects(self) -> bool:
        id = os.urandom(8).hex()
        return self.predict(id) == 200 and eventually(lambda: self.store.prediction(id) is not None)


def eventually(holds: Callable[[], bool], patience: float = PATIENCE) -> bool:
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@contextlib.contextmanager
def running(made: Stand) -> Iterator[Running]:
    """Everything, with the first version in the stage; ended with the block."""
    with disk(made.folder / "releases"), disk(made.folder / "spool"), database() as server:
        found = Running(made, server)
        found.want(made.versions[0])
        try:
            found.agent.start()
            found.start_service()
            if not eventually(lambda: requests_ready(found.url)):
                raise RuntimeError((made.folder / "service.log").read_text(encoding="utf-8"))
            made.learn(found.url)
            yield found
        finally:
            found.agent.kill()
            found.kill_service()


def requests_ready(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/health/ready", timeout=30).ok
    return False
