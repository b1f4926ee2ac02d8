"""Is a service fit to be used? Its contract, its golden rows, bad requests, a short load, its footprint."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
import urllib3

from mlops.artifact import read_info
from mlops.contract import ModelInfo
from mlops.judging import footprint
from mlops.params import Judge

LOAD, CLIENTS = 400, 8
SLOWEST = 10.0  # seconds, after which a client gives up; slower than the last version is what the footprint finds
PATIENCE = 60.0  # seconds for one answer; ends a hang
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Check:
    """One thing that was tried: what, whether it holds, and the figures."""

    name: str
    holds: bool
    found: str


def wait_for(url: str, version: str, patience: float, token: str = "") -> Check:
    """Until the service answers with this version, for `patience` seconds at most."""
    session = _session(token)
    deadline = time.monotonic() + patience
    while True:
        try:
            found = session.get(f"{url}/model", timeout=PATIENCE).json().get("version")
        except (requests.RequestException, ValueError) as error:
            found = type(error).__name__
        if found == version or time.monotonic() > deadline:
            return Check("version", found == version, f"answers with {found}")
        time.sleep(0.1)


def run(url: str, folder: Path, champion: Path | None, limits: Judge, token: str = "") -> list[Check]:
    """Try everything.

    Parameters
    ----------
    folder, champion
        Folders with model.onnx and model.json of the version that should answer, and of the one before.
    token
        The service's bearer token, where it asks for one.
    """
    session = _session(token)
    info = read_info(folder)
    rows = requested(session, url, info)
    checks = [*_contract(session, url, info), _golden(session, url, info, rows), *_refusals(session, url, rows[0])]
    checks.append(_load(url, rows, token))
    if champion:
        checks += [_cost(row) for row in footprint.measure(champion, folder, limits)]
    return checks


def table(checks: list[Check]) -> str:
    """Markdown."""
    rows = [f"| {check.name} | {'yes' if check.holds else '**no**'} | {check.found} |" for check in checks]
    return "\n".join(["| smoke | holds | found |", "|---|---|---|", *rows, ""])


def requested(session: requests.Session, url: str, info: ModelInfo) -> list[dict[str, Any]]:
    """The golden rows as requests: the service's own example has the columns that a model doesn't see, such as time."""
    described = session.get(f"{url}/schema", timeout=PATIENCE).json()
    (row,) = described["components"]["schemas"]["Request"]["example"]["rows"]
    example = {name: value for name, value in row.items() if name not in info.schema.inputs}
    columns = zip(*info.golden.rows.values(), strict=True)
    golden = (dict(zip(info.golden.rows, values, strict=True)) for values in columns)
    return [example | {name: value for name, value in row.items() if value is not None} for row in golden]


def _session(token: str) -> requests.Session:
    session = requests.Session()
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    return session


def _contract(session: requests.Session, url: str, info: ModelInfo) -> Iterator[Check]:
    for path in ("/health/live", "/health/ready", "/metrics"):
        status = session.get(f"{url}{path}", timeout=PATIENCE).status_code
        yield Check(path, status == 200, f"status {status}")
    described = session.get(f"{url}/schema", timeout=PATIENCE).json()
    row = described.get("components", {}).get("schemas", {}).get("Row", {}).get("properties", {})
    absent = [name for name in info.schema.inputs if name not in row]
    yield Check("/schema", "/predict" in described.get("paths", {}) and not absent, "OpenAPI names every input")


def _golden(session: requests.Session, url: str, info: ModelInfo, rows: list[dict[str, Any]]) -> Check:
    answer = session.post(f"{url}/predict", json={"rows": rows}, timeout=PATIENCE)
    if answer.status_code != 200:
        return Check("golden rows", False, f"status {answer.status_code}: {answer.text[:200]}")
    try:
        answers = zip(answer.json()["predictions"], info.golden.predictions, strict=True)
        own = [(_numbers(one, info), wanted) for one, wanted in answers if "model" not in one]  # else the challenger's
        got, expected = np.array(own).swapaxes(0, 1)
        worst = float(np.abs(got - expected).max() / max(1.0, np.abs(info.golden.predictions).max()))
    except (ValueError, KeyError, TypeError) as error:
        return Check("golden rows", False, f"not the predictions that were asked for: {error!r:.200}")
    return Check("golden rows", worst <= TOLERANCE, f"{len(got)} rows, off by {worst:.1g} at most")


def _numbers(prediction: dict[str, Any], info: ModelInfo) -> list[float]:
    if info.task == "regression":
        return [prediction["value"]]
    return [prediction["probabilities"][str(label)] for label in info.classes]


def _refusals(session: requests.Session, url: str, row: dict[str, Any]) -> Iterator[Check]:
    """Requests that a client gets wrong end in 4xx and a reason, never in 5xx."""
    name = next(iter(row))
    bad: dict[str, dict[str, Any]] = {
        "a wrong type": {"json": {"rows": [{**row, name: {"a": 1}}]}},
        "an unknown column": {"json": {"rows": [{**row, "no such column": 1}]}},
        "no rows": {"json": {}},
        "broken JSON": {"data": b'{"rows": [', "headers": {"Content-Type": "application/json"}},
        "another content type": {"data": b"rows", "headers": {"Content-Type": "text/csv"}},
    }
    for what, request in bad.items():
        answer = session.post(f"{url}/predict", timeout=PATIENCE, **request)
        refused = 400 <= answer.status_code < 500 and "error" in answer.text
        yield Check(f"refuses {what}", refused, f"status {answer.status_code}")


def _load(url: str, rows: list[dict[str, Any]], token: str) -> Check:
    """Some clients at once; every request is answered, and in time."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    bodies = [json.dumps({"rows": [row]}).encode() for row in rows]
    clients = urllib3.PoolManager(maxsize=CLIENTS, retries=False, timeout=SLOWEST)  # a third of what requests takes

    def ask(number: int) -> float:
        start = time.perf_counter()
        try:
            answer = clients.request("POST", f"{url}/predict", body=bodies[number % len(bodies)], headers=headers)
        except urllib3.exceptions.HTTPError:
            return float("inf")
        return time.perf_counter() - start if answer.status == 200 else float("inf")

    with clients, ThreadPoolExecutor(CLIENTS) as pool:
        seconds = np.sort(np.array(list(pool.map(ask, range(LOAD)))))
    p99 = float(seconds[int(0.99 * LOAD)])
    return Check("load", p99 <= SLOWEST, f"{LOAD} requests of {CLIENTS} clients, p99 {p99 * 1e3:.0f} ms")


def _cost(row: Any) -> Check:
    return Check(row.name, not row.broken, f"{row.base:.3g} -> {row.head:.3g} {row.unit} ({row.limit:g} times allowed)")
