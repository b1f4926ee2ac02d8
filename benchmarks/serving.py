"""Requests a second and latencies of the service, collection on, against other servers of the same model.

One worker each, 16 connections, one row a request, all in turns on this machine. MLServer and BentoML serve the
scikit-learn pipeline, as their documentation has it; FastAPI, BentoML again and the bare ASGI application serve the
same ONNX file as the service. Every answer is compared with the service's before anything is measured. Peers run in
environments of their own, which uv makes from PyPI at the first run, below .dvc/tmp/peers.
"""

import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import joblib
import numpy as np
import pandas as pd

from benchmarks.claims import Claim, main
from benchmarks.servers import ROOT, Server, all_servers, run
from mlops import params
from mlops.artifact import read_info
from mlops.contract import ModelInfo, Release, save
from mlops.training import fit
from problem import model
from problem.schema import SCHEMA

CONNECTIONS = 16


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as running:
        folder = Path(scratch)
        info = _prepare(folder, quick)
        servers = all_servers(info, folder)
        servers = {name: servers[name] for name in ("service", "bare ASGI")} if quick else servers
        urls = {name: running.enter_context(run(server, folder)) for name, server in servers.items()}
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
