"""Agent and service on this machine, as processes that end with the block: for a try, the smoke test and the demo."""

import os
import socket
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

PATIENCE = 60.0
END = 20.0


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
        No version was ready in a minute; shows what agent and service said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    with (folder / "log").open("ab") as log:
        releases = f"--releases={(folder / 'releases').resolve()}"
        follow = [f"--remote={remote}", f"--stage={stage}", f"--interval={interval}"]
        agent = _start(root, folder, log, "deploy", releases, *follow)
        service = _start(
            root, folder, log, "serve", releases, f"--spool={(folder / 'spool').resolve()}", f"--port={port}"
        )
        found = Served(f"http://127.0.0.1:{port}", service, agent, folder / "log")
        try:
            wait_ready(found)
            yield found
        finally:
            end(agent, service)


def wait_ready(found: Served) -> None:
    """Until the service answers with a model."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and found.service.poll() is None and found.agent.poll() is None:
        try:
            with urllib.request.urlopen(f"{found.url}/health/ready", timeout=2):  # noqa: S310 (loopback)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    said = found.log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
    raise BadInput("\n".join(["no version is served; the last that agent and service said:", *said]))


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


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(root: Path, folder: Path, log: object, name: str, *words: str) -> "subprocess.Popen[bytes]":
    environment = {"STORE_URL": f"sqlite:///{folder.resolve() / 'store.db'}", **os.environ}
    command = [sys.executable, "-m", f"pipelines.{name}", *words]
    return subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)  # type: ignore[call-overload]
