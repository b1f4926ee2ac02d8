"""What the workflows add: from the event `pull_request` to the posted comment, over `nox -s experiment` alone.

Both find the base's trainings in DVC's cache, as pull requests do where main has been pushed.
"""

import importlib.metadata
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, main, ratio, scratch
from benchmarks.experiment import ENVIRONMENT, EXPERIMENT, cloned
from mlops import cost
from mlops.workspace import git
from rehearsal.sandbox import Sandbox, open_pull_request, sandbox

RATES = ("0.1", "0.15", "0.2", "0.12", "0.25")
LEFT_OUT = ("checks.yml", "deploy.yml", "image.yml")


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    seconds: dict[str, list[float]] = {"experiment alone": [], "event to comment": []}
    starts = []
    with scratch() as folder, sandbox(Path(folder) / "sandbox") as github:
        clone = cloned(Path(folder) / "clone", quick)
        subprocess.run([*EXPERIMENT, "--warm"], cwd=clone, env=ENVIRONMENT, check=True, capture_output=True)
        base = github.publish(clone, "HEAD", "main")
        github.happen("push", github.api.push_event("main"), base, LEFT_OUT)
        for rate in RATES[: 1 if quick else 5]:
            _change(clone, rate)
            seconds["experiment alone"].append(_alone(clone))
            taken, jobs = _through_workflows(github, clone, rate, quick)
            seconds["event to comment"].append(taken)
            starts.append(jobs)
    found = ratio(seconds["event to comment"], seconds["experiment alone"])
    return [
        Claim("event to posted comment / nox -s experiment alone", found, 1.3),
        Claim("runners that start one after the other from event to comment", max(starts), 3),
    ], {"seconds": seconds, "each job installs": _installed()}


def _installed() -> dict[str, int]:
    """Every job has the same locked environment; the one that comments installs CML besides."""
    return {"packages": len({*importlib.metadata.distributions()}), "bytes": cost.size([Path(sys.prefix)])}


def _change(clone: Path, rate: str) -> None:
    git(clone, "checkout", "--quiet", ".")
    text = (clone / "params.yaml").read_text(encoding="utf-8")
    (clone / "params.yaml").write_text(text.replace("learning_rate: 0.3", f"learning_rate: {rate}"), encoding="utf-8")


def _alone(clone: Path) -> float:
    start = time.perf_counter()
    subprocess.run(EXPERIMENT, cwd=clone, env=ENVIRONMENT, check=True, capture_output=True)
    return time.perf_counter() - start


def _through_workflows(github: Sandbox, clone: Path, rate: str, quick: bool) -> tuple[float, int]:
    """Seconds, and jobs that ran: no two of them at once."""
    git(clone, "add", "--all")
    base = github.publish(clone, "HEAD", "main")
    head = github.push(clone, git(clone, "write-tree"), f"rate-{rate}", base)
    git(clone, "reset", "--quiet")
    start = time.perf_counter()
    number, finished = open_pull_request(github, head, without=LEFT_OUT)
    seconds = time.perf_counter() - start
    if not github.api.comments(number)[0]["body"].startswith("### " if quick else "### Better"):
        raise RuntimeError(github.api.comments(number)[0]["body"])
    return seconds, sum(result != "skipped" for one in finished for result in one.outcome.jobs.values())


if __name__ == "__main__":
    main(__doc__, measure)
