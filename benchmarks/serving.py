"""Requests a second and latencies of the service, collection on, against other servers of the same model.

One worker each, 16 connections, one row a request, all in turns on this machine. MLServer and BentoML serve the
scikit-learn pipeline, as their documentation has it; FastAPI, BentoML again and the bare ASGI application serve the
same ONNX file as the service. Every answer is compared with the service's before anything is measured. Peers run in
environments of their own, which uv makes from PyPI at the first run, below .dvc/tmp/peers.
"""

import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import joblib
import numpy as np
import pandas as pd

from benchmarks.claims import Claim, main
from mlops import params
from mlops.artifact import read_info
from mlops.contract import ModelInfo, Release, save
from mlops.serving.openapi import example
from mlops.training import fit
from problem import model
from problem.schema import SCHEMA

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "benchmarks/peers"
CONNECTIONS = 16


@dataclass(frozen=True)
class Server:
    """How to run one, what to ask it, and where its answer has the probabilities; `packages` of its environment."""

    command: list[str]
    path: str
    body: Any
    answer: Callable[[Any], list[float]]
    packages: tuple[str, ...] = ()


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as running:
        folder = Path(scratch)
        info = _prepare(folder, quick)
        servers = _servers(info, folder)
        servers = {name: servers[name] for name in ("service", "bare ASGI")} if quick else servers
        urls = {name: running.enter_context(_run(server, folder)) for name, server in servers.items()}
        answers = {name: _ask(urls[name], server) for name, server in servers.items()}
        for name, answer in answers.items():
            np.testing.assert_allclose(answer, answers["service"], atol=1e-5, err_msg=name)
        rounds = [
            {name: _load(urls[name], server.body, seconds=1 if quick else 5) for name, server in servers.items()}
            for _ in range(2 if quick else 6)
        ][1:]  # the first one warms up
    keys = rounds[0]["service"]
    middle = {name: {key: statistics.median(one[name][key] for one in rounds) for key in keys} for name in servers}
    return _claims(middle), {"medians": middle, "rounds": rounds}


def _claims(middle: dict[str, dict[str, float]]) -> list[Claim]:
    speed = {name: found["per_second"] for name, found in middle.items()}
    claims = [Claim("service / bare ASGI, requests/s", speed["service"] / speed["bare ASGI"], 0.4, at_least=True)]
    limits = {"MLServer": 12, "BentoML": 20, "FastAPI, ONNX": 1, "BentoML, ONNX": 1}
    for name in [name for name in limits if name in speed]:
        claims.append(
            Claim(f"service / {name}, requests/s", speed["service"] / speed[name], limits[name], at_least=True)
        )
    for name in [name for name in ("MLServer", "BentoML") if name in speed]:
        claims.append(Claim(f"service / {name}, p99", middle["service"]["p99"] / middle[name]["p99"], 1))
    claims.append(Claim("failed requests", sum(found["failed"] for found in middle.values()), 0))
    claims.append(Claim("load generator: share of a core", max(found["busy"] for found in middle.values()), 0.8))
    return claims + [Claim(f"    {name}: requests/s", found) for name, found in speed.items()]


def _prepare(folder: Path, quick: bool) -> ModelInfo:
    """The trained example as a release and, for those who want it, as the pipeline that it was converted from."""
    subprocess.run(["dvc", "pull", "--quiet", "train", "prepare"], cwd=ROOT, check=True)
    shutil.copy(ROOT / "params.yaml", folder)
    digests = {}
    for name in ("model.onnx", "model.json"):
        content = (ROOT / "artifacts" / name).read_bytes()
        digests[name] = hashlib.md5(content, usedforsecurity=False).hexdigest()
        save(folder / "releases/v1.0.0" / name, content)
    save(folder / "releases/v1.0.0/release.json", Release(version="v1.0.0", commit="", files=digests))
    (folder / "releases/current").symlink_to("v1.0.0")
    shutil.copy(ROOT / "artifacts/model.onnx", folder)
    if not quick:
        rows = fit.samples(pd.read_parquet(ROOT / "artifacts/train.parquet"))[0]
        settings = params.convert(params.load(ROOT).train.model, model.Settings, "params.yaml: train.model")
        pipeline = model.build(settings, SCHEMA, params.load(ROOT).train.seed)
        joblib.dump(pipeline.fit(fit.frame(rows, SCHEMA), fit.target(rows, SCHEMA)), folder / "model.joblib")
    return read_info(folder / "releases/v1.0.0")


def _servers(info: ModelInfo, folder: Path) -> dict[str, Server]:
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
            ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", *_locked("scikit-learn", "pandas", "joblib")),
        ),
    }  # fmt: skip


def _first(said: Any) -> list[float]:
    return list(said["probabilities"][0])


def _locked(*packages: str) -> list[str]:
    return [f"{name}=={version(name)}" for name in packages]


def _mlserver(folder: Path) -> Path:
    """Its settings: the runtime in its own process, which is faster here than the default, and no log of requests."""
    settings = {"parallel_workers": 0, "debug": False, "grpc_port": 0, "metrics_endpoint": None}
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
def _run(server: Server, folder: Path) -> Iterator[str]:
    """Start it on a free port, and end it; the URL to post to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    programs = _environment(server.packages) if server.packages else Path(sys.executable).parent
    environment = {
        **os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PORT": port,
        "MODEL": str(folder / "model"), "MLSERVER_HTTP_PORT": port, "BENTOML_DO_NOT_TRACK": "true",
        "OMP_NUM_THREADS": "1",  # the trees' threads would stall each other: scikit-learn is 20 times slower with two
    }  # fmt: skip
    command = [part.replace("PORT", port) for part in server.command]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}{server.path}"
    try:
        _await(url, server.body, process, folder / f"{port}.log")
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _await(url: str, body: Any, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end, said = time.monotonic() + 90, ""
    while process.poll() is None and time.monotonic() < end:
        try:
            answer = httpx.post(url, json=body)
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


def _ask(url: str, server: Server) -> list[float]:
    return server.answer(httpx.post(url, json=server.body).raise_for_status().json())


def _load(url: str, body: Any, seconds: float) -> dict[str, float]:
    """What 16 connections see, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load", url, str(CONNECTIONS), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(body).encode(), capture_output=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main(__doc__, measure)
