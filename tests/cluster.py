"""A Dask cluster of separate processes on loopback, for as long as a test needs it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from distributed import Client

from tests.conftest import ROOT
from tests.waiting import PATIENCE, eventually

A = TypeVar("A")
B = TypeVar("B")

ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}


def who(function: Callable[[A], B], item: A) -> tuple[int, B]:
    """Which process works on an item, not too quickly, and what comes of it."""
    time.sleep(0.05)
    return os.getpid(), function(item)


@dataclass
class Cluster:
    folder: Path
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def address(self) -> str:
        return json.loads((self.folder / "scheduler.json").read_text())["address"]

    def start(self, name: str, *options: str) -> "subprocess.Popen[bytes]":
        """A scheduler or a worker."""
        command = [sys.executable, "-m", f"distributed.cli.dask_{name}", "--no-dashboard", *options]
        command.append(f"--scheduler-file={self.folder / 'scheduler.json'}")
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=ENVIRONMENT, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def worker(self) -> "subprocess.Popen[bytes]":
        return self.start("worker", "--no-nanny", "--nthreads=1", "--host=127.0.0.1")

    def ready(self) -> None:
        """Wait for all workers that live."""
        with Client(self.address) as client:
            client.wait_for_workers(sum(process.poll() is None for process in self.processes[1:]), timeout=PATIENCE)


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    made = Cluster(folder)
    try:
        scheduler = made.start("scheduler", "--host=127.0.0.1", "--port=0")
        eventually(lambda: scheduler.poll() is not None or (folder / "scheduler.json").exists())
        assert scheduler.poll() is None, (folder / "log").read_text()
        for _ in range(workers):
            made.worker()
        yield made
    finally:
        for process in reversed(made.processes):
            process.kill()
            process.wait()
