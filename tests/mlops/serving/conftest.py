"""Small models made by hand, as releases; and the service as a real process."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops.contract import Golden, ModelInfo, Profile, Release, Schema, column, save
from mlops.params import Serve
from tests.waiting import PATIENCE, eventually

ROOT = Path(__file__).parents[3]

SCHEMA = Schema(
    task="regression",
    zone="America/New_York",
    columns={
        "at": column("timestamp", "time"),
        "wind speed": column("number", "input", low=0, high=100, unit="mph"),
        "gates": column("integer", "input", low=0, high=9, missing=True),
        "open": column("boolean", "input"),
        "name": column("text", "input", categories=("JFK", "EWR"), sensitive=True),
        "region": column("text", "slice", missing=True),
        "note": column("text", "ignored"),
        "delay": column("number", "target"),
    },
)
ROW = {"at": "2013-05-31T17:00:00Z", "wind speed": 2.5, "gates": 3, "open": True, "name": "JFK"}
LIMITS = Serve(
    out_of_range="count", max_rows=10, max_bytes=10_000, fsync=False, when_full="answer", ship_interval=0.1
)  # fmt: skip


def graph(factor: float, rows: int | None = None) -> bytes:
    """A model that predicts `factor` times the wind speed, and takes every input of SCHEMA; with `rows`, of so many."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.STRING if name == "name" else TensorProto.FLOAT, [rows, 1])
        for name in SCHEMA.inputs
    ]
    factors = numpy_helper.from_array(np.array([[factor]], dtype=np.float32), "factor")
    output = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [rows, 1])
    node = helper.make_node("MatMul", ["wind speed", "factor"], ["prediction"])
    made = helper.make_graph([node], "model", inputs, [output], [factors])
    opset = helper.make_opsetid("", 21)
    return bytes(helper.make_model(made, opset_imports=[opset], ir_version=10).SerializeToString())


def info(**more: Any) -> ModelInfo:
    rows: dict[str, list[float | str | None]] = {
        "wind speed": [2.0, 4.0], "gates": [3.0, None], "open": [1.0, 0.0], "name": ["JFK", "EWR"],
    }  # fmt: skip
    known: dict[str, Any] = {
        "format": 1, "task": "regression", "classes": [], "schema": SCHEMA, "seed": 0, "settings": {}, "rows": 2,
        "data": {}, "libraries": {}, "golden": Golden(rows=rows, predictions=[[2.0], [4.0]]),
        "profile": Profile(rows=0, columns={}),
    }  # fmt: skip
    return ModelInfo(**known | more)


def release(releases: Path, version: str, factor: float = 1.0) -> Path:
    """A release whose model predicts `factor` times the wind speed."""
    golden = Golden(rows=info().golden.rows, predictions=[[2 * factor], [4 * factor]])
    save(releases / version / "model.onnx", graph(factor))
    save(releases / version / "model.json", info(golden=golden))
    seal(releases / version)
    return releases / version


def seal(folder: Path) -> None:
    """Write the release.json that names these files."""
    names = ("model.onnx", "model.json")
    digests = {name: hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest() for name in names}
    save(folder / "release.json", Release(version=folder.name, commit="0" * 40, files=digests))


def point(releases: Path, version: str) -> None:
    """Switch as the agent does: atomically."""
    scratch = releases / "current.new"
    scratch.symlink_to(version)
    scratch.replace(releases / "current")


@dataclass
class Process:
    """The service as `python -m pipelines.serve` in a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    client: httpx.Client = field(default_factory=httpx.Client)

    def start(self, wait: str = "/health/live") -> "Process":
        command = [*self.prefix, sys.executable, "-m", "pipelines.serve", "--port=0", *self.options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **self.environment}
        before = len(self.events()) if (self.folder / "log").exists() else 0
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, text=True
            )
        self.until(lambda: "listening" in self.events()[before:])
        self.client.close()
        self.client = httpx.Client(base_url=self.said("listening")["url"], timeout=PATIENCE)
        self.until(lambda: self._answers(wait))
        return self

    def _answers(self, path: str) -> bool:
        try:
            return self.client.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def until(self, happens: Any) -> None:
        """Wait for something to become true while the service runs."""
        assert self.process is not None
        eventually(lambda: self.process.poll() is not None or happens(), self.log)
        assert self.process.poll() is None, self.log()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def events(self) -> list[str]:
        return [line["event"] for line in self._lines()]

    def said(self, event: str) -> dict[str, Any]:
        """The last log line about an event."""
        return next(line for line in reversed(self._lines()) if line["event"] == event)

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines() if line.endswith("}")]

    def stop(self, signal_: int = signal.SIGTERM) -> int:
        """End it as the system would, and wait; its exit status."""
        assert self.process is not None
        self.client.close()
        self.process.send_signal(signal_)
        return self.process.wait(PATIENCE)

    def predict(self, *rows: Any, **more: Any) -> httpx.Response:
        return self.client.post("/predict", json={"rows": list(rows) or [ROW], **more})

    def metric(self, name: str) -> float:
        """The value of a metric, labels included in its name."""
        found = [line for line in self.client.get("/metrics").text.splitlines() if line.startswith(f"serving_{name} ")]
        return float(found[0].split()[-1]) if found else 0.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place to serve from, with v1.0.0 as its current release."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    release(tmp_path / "releases", "v1.0.0")
    point(tmp_path / "releases", "v1.0.0")
    return tmp_path


@pytest.fixture
def service(folder: Path) -> Iterator[Process]:
    """A service that runs, and is killed where the test leaves it running."""
    made = Process(folder)
    yield made
    if made.process and made.process.poll() is None:
        made.stop(signal.SIGKILL)
