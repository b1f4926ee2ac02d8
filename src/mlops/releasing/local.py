"""Agent and service on this machine, as processes that end with the block: for a try, the smoke test and the demo."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops.contract import BadInput

PATIENCE = 600.0  # seconds; ends a hang, never a start that is only slow
TRIES = 5  # of the agent, in a row, after which no version will come
END = 120.0  # seconds in which a process may end by itself; it ships what it has collected
LISTENING = re.compile(r'"event":"listening","url":"(.*?)"')
FAILURES = re.compile(r'"event": "kept".*"failures": (\d+)')


@dataclass(frozen=True)
class Served:
    """Where the service answers, and its two processes; `log` holds what both print."""

    url: str
    service: "subprocess.Popen[bytes]"
    agent: "subprocess.Popen[bytes]"
    log: Path


@contextmanager
def served(root: Path, remote: str, stage: str, folder: Path, port: int = 0, interval: float = 1.0) -> Iterator[Served]:
    """Follow `stage` of `remote` into `folder`, and answer from there on loopback.

    Parameters
    ----------
    root
        The project, whose params.yaml holds.
    port
        0 takes a free one.

    Raises
    ------
    BadInput
        Agent or service ended before a version was ready, or the agent failed TRIES times; shows what they said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "log"
    with place.open("ab") as log:
        start = place.stat().st_size
        releases = f"--releases={(folder / 'releases').resolve()}"
        follow = [f"--remote={remote}", f"--stage={stage}", f"--interval={interval}"]
        agent = _start(root, folder, log, "deploy", releases, *follow)
        service = _start(
            root, folder, log, "serve", releases, f"--spool={(folder / 'spool').resolve()}", f"--port={port}"
        )
        try:
            yield Served(_ready(place, start, agent, service), service, agent, place)
        finally:
            end(agent, service)


def _ready(log: Path, start: int, *processes: "subprocess.Popen[bytes]") -> str:
    """The service's address, which it logs after the byte `start`, once it answers there with a model."""
    deadline = time.monotonic() + PATIENCE
    while True:
        said = log.read_bytes()[start:].decode(errors="replace")
        listening = LISTENING.search(said)
        if listening and _answers(f"{listening[1]}/health/ready"):
            return listening[1]
        ended = any(process.poll() is not None for process in processes)
        if ended or max(map(int, FAILURES.findall(said)), default=0) >= TRIES or time.monotonic() > deadline:
            last = said.splitlines()[-10:]
            raise BadInput("\n".join(["no version is served; the last that agent and service said:", *last]))
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30):  # noqa: S310 (loopback)
            return True
    except (urllib.error.URLError, OSError):
        return False


def end(*processes: "subprocess.Popen[bytes]") -> None:
    """Ask processes to end, and make sure of it."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(root: Path, folder: Path, log: object, name: str, *words: str) -> "subprocess.Popen[bytes]":
    environment = {"STORE_URL": f"sqlite:///{folder.resolve() / 'store.db'}", **os.environ}
    command = [sys.executable, "-m", f"pipelines.{name}", *words]
    return subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)  # type: ignore[call-overload]
