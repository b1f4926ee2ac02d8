"""What `nox -s experiment` costs over the work itself: medians of ratios of wall times, of runs in turns.

The project is a clone with an empty DVC cache; the environment is the one that this benchmark runs in.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, main, ratio, scratch
from benchmarks.replicas import IDENTITY
from mlops.workspace import git

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "UV_PROJECT_ENVIRONMENT": sys.prefix, "PYTHONPATH": str(ROOT)}
EXPERIMENT = ["nox", "-s", "experiment", "--", "--base", "HEAD"]
SMALL = {"sample_rows: 20000": "sample_rows: 4000", "trainings: 5": "trainings: 2", "trees: 100": "trees: 20",
         "resamples: 2000": "resamples: 500"}  # fmt: skip
RATES = ("0.1", "0.2", "0.25", "0.15", "0.12")


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    with scratch() as folder:
        clone = cloned(Path(folder) / "clone", quick)
        seconds: dict[str, list[float]] = {}
        for rate in RATES[: 1 if quick else 5]:
            for name, action in _trials(clone, rate).items():
                seconds.setdefault(name, []).append(action())
    found = {name: ratio(seconds[name], seconds[f"{name}: bare"]) for name in seconds if "bare" not in name}
    return [
        Claim("experiment, base not cached / bare process, both sides", found["base not cached"], 2.5),
        Claim("experiment, base cached / bare process, head alone", found["base cached"], 2.5),
        Claim("experiment, docs-only change / dvc repro with nothing to do", found["docs only"], 5),
    ], {"seconds": seconds}


def cloned(folder: Path, quick: bool) -> Path:
    """A clone with its data; in the quick form its main has small trainings."""
    git(ROOT, "clone", "--quiet", str(ROOT), str(folder))
    _run(folder, ["dvc", "pull", "--quiet", "data.dvc"])
    if quick:
        params = folder / "params.yaml"
        text = params.read_text(encoding="utf-8")
        for old, new in SMALL.items():
            text = text.replace(old, new)
        params.write_text(text, encoding="utf-8")
        git(folder, "commit", "--quiet", "--all", "--message", "Small", **IDENTITY)
    return folder


def _trials(clone: Path, rate: str) -> dict[str, Callable[[], float]]:
    """Each measures one run, in this order: the second experiment finds its base where the first one left it."""

    def experiment(rate: str, uncached: bool = False) -> float:
        git(clone, "checkout", "--quiet", ".")
        text = (clone / "params.yaml").read_text(encoding="utf-8")
        (clone / "params.yaml").write_text(
            text.replace("learning_rate: 0.3", f"learning_rate: {rate}"), encoding="utf-8"
        )
        if uncached:
            for kept in ("cache/runs", "cache/experiment", "tmp/experiment"):
                shutil.rmtree(clone / ".dvc" / kept, ignore_errors=True)
        return _run(clone, EXPERIMENT, refused_too=True)

    def docs_only() -> float:
        git(clone, "checkout", "--quiet", ".")
        (clone / "README.md").write_text(f"Other words: {rate}\n", encoding="utf-8")
        return _run(clone, EXPERIMENT)

    return {
        "base not cached: bare": lambda: _run(clone, [sys.executable, "-m", "benchmarks.bare", "0.3", rate]),
        "base not cached": lambda: experiment(rate, uncached=True),
        "base cached: bare": lambda: _run(clone, [sys.executable, "-m", "benchmarks.bare", rate]),
        "base cached": lambda: experiment(f"{rate}1"),
        "docs only": docs_only,
        "docs only: bare": lambda: _run(clone, ["dvc", "repro", "--quiet"]),
    }


def _run(folder: Path, command: list[str], refused_too: bool = False) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode not in ((0, 1) if refused_too else (0,)):
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main(__doc__, measure)
