"""The service and other servers of the same model: how to run each, what to ask it, where its answer is."""

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from mlops.contract import ModelInfo, save
from mlops.serving.openapi import example

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "benchmarks/peers"
PATIENCE = 600.0  # seconds; ends a hang


@dataclass(frozen=True)
class Server:
    """How to run one, what to ask it, and where its answer has the probabilities; `packages` of its environment."""

    command: list[str]
    path: str
    body: Any
    answer: Callable[[Any], list[float]]
    packages: tuple[str, ...] = ()


def all_servers(info: ModelInfo, folder: Path) -> dict[str, Server]:
    """By name; `folder` has params.yaml, releases/, model.onnx and model.joblib."""
    row = {name: 0.0 if value is None else value for name, value in example(info).items()}
    inputs = {name: row[name] for name in info.schema.inputs}
    one, peer = {"rows": [inputs]}, [sys.executable, "-m"]
    bento = ["bentoml", "serve", "--port", "PORT", "--working-dir", str(PEERS)]
    return {
        "service": Server(
            [*peer, "pipelines.serve", "--port", "PORT"], "/predict", {"rows": [row]},
            lambda said: list(said["predictions"][0]["probabilities"].values()),
        ),
        "bare ASGI": Server([*peer, "benchmarks.peers.bare_asgi"], "/predict", one, _first),
        "FastAPI, ONNX": Server(
            ["uvicorn", "fastapi_onnx:app", "--port", "PORT", "--app-dir", str(PEERS), "--log-level=warning"],
            "/predict", one, _first,
            ("fastapi==0.165.0", "uvicorn[standard]==0.54.0", *_locked("onnxruntime", "numpy")),
        ),
        "BentoML, ONNX": Server(
            [*bento, "bentoml_onnx:Late"], "/predict", one, lambda said: said[0],
            ("bentoml==1.4.39", *_locked("onnxruntime", "numpy")),
        ),
        "BentoML": Server(
            [*bento, "bentoml_sklearn:Late"], "/predict", one, lambda said: said[0],
            ("bentoml==1.4.39", *_locked("scikit-learn", "pandas", "joblib")),
        ),
        "MLServer": Server(
            ["mlserver", "start", str(_mlserver(folder))], "/v2/models/late/infer", _v2(inputs),
            lambda said: said["outputs"][0]["data"],
            ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0",
             *_locked("scikit-learn", "pandas", "joblib")),
        ),
    }  # fmt: skip


def _first(said: Any) -> list[float]:
    return list(said["probabilities"][0])


def _locked(*packages: str) -> list[str]:
    return [f"{name}=={version(name)}" for name in packages]


def _mlserver(folder: Path) -> Path:
    """Its settings: one worker, as by default, and no log of requests."""
    settings = {"parallel_workers": 1, "debug": False, "grpc_port": 0, "metrics_endpoint": None}
    found = {
        "name": "late", "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(folder / "model.joblib"), "content_type": "pd"},
    }  # fmt: skip
    save(folder / "mlserver/settings.json", settings)
    save(folder / "mlserver/model-settings.json", found)
    return folder / "mlserver"


def _v2(inputs: dict[str, Any]) -> dict[str, Any]:
    """A row in the Open Inference Protocol, as MLServer takes it for a DataFrame."""

    def tensor(name: str, value: Any) -> dict[str, Any]:
        text = isinstance(value, str)
        known = {"datatype": "BYTES", "parameters": {"content_type": "str"}} if text else {"datatype": "FP32"}
        return {"name": name, "shape": [1, 1], "data": [value], **known}

    return {
        "parameters": {"content_type": "pd"},
        "inputs": [tensor(name, value) for name, value in inputs.items()],
        "outputs": [{"name": "predict_proba"}],
    }


@contextmanager
def run(server: Server, folder: Path) -> Iterator[str]:
    """Start it on a free port, and end it; the URL to post to."""
    port = str(free_port())
    programs = _environment(server.packages) if server.packages else Path(sys.executable).parent
    environment = {
        **os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PORT": port,
        "MODEL": str(folder / "model"), "MLSERVER_HTTP_PORT": port, "BENTOML_DO_NOT_TRACK": "true",
        "OMP_NUM_THREADS": "1",  # the trees' threads would stall each other: scikit-learn is 20 times slower with two
    }  # fmt: skip
    command = [part.replace("PORT", port) for part in server.command]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}{server.path}"
    try:
        _await(url, server.body, process, folder / f"{port}.log")
        yield url
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        with suppress(ProcessLookupError):  # MLServer's worker may outlive it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port for a server that must be told one: below those that the system gives away by itself in the meantime."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(22_000, 32_000)))  # noqa: S311
            return int(probe.getsockname()[1])


def _await(url: str, body: Any, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end, said = time.monotonic() + PATIENCE, ""
    while process.poll() is None and time.monotonic() < end:
        try:
            answer = httpx.post(url, json=body, timeout=PATIENCE)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code == 200:
            return
        said = answer.text
        time.sleep(0.5)
    raise RuntimeError(f"{url} doesn't answer: {said}\n{log.read_text()[-3000:]}")


def _environment(packages: tuple[str, ...]) -> Path:
    """The folder of programs of an environment with these packages, made at the first use."""
    digest = hashlib.sha256("\n".join((*packages, sys.version)).encode()).hexdigest()[:12]
    folder = ROOT / ".dvc/tmp/peers" / digest
    if not (folder / "made").exists():
        subprocess.run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin/python")]
        subprocess.run([*install, *packages], check=True)
        (folder / "made").touch()
    return folder / "bin"
