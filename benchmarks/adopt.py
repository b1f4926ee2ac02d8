"""From a fresh clone to the first report on a table of one's own: seconds, and edits by hand, for eleven tables.

Each is one command, `nox -s adopt`, in a clone of its own with an empty DVC cache; the environment is there already.
An edit is what a person would have to mend until the command, or `ruff check` after it, ends well; a first change that
is refused (exit status 1) needs none.
"""

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, main
from benchmarks.experiment import ENVIRONMENT, ROOT
from mlops.workspace import git
from tests.strangers import STRANGERS

QUICK = ("weather in time",)


@dataclass(frozen=True)
class Trial:
    """What came of one table, in `folder`: `said` is the output, `verdict` that of the first experiment."""

    folder: Path
    seconds: float
    edits: int
    verdict: str
    said: str


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        trials = {
            name: trial(ROOT, Path(folder) / str(n), name) for n, name in enumerate(QUICK if quick else STRANGERS)
        }
    return claims(list(trials.values())), {
        "tables": {name: [one.seconds, one.edits, one.verdict] for name, one in trials.items()}
    }


def claims(trials: list[Trial]) -> list[Claim]:
    refused = sum(one.verdict not in ("better", "inconclusive") for one in trials)
    return [
        Claim("seconds from a fresh clone to the first report, slowest table", max(one.seconds for one in trials), 120),
        Claim("edits by hand, all tables together", sum(one.edits for one in trials), 0),
        Claim("first experiments that the gate would refuse, as the lower learning rate was no gain", refused),
    ]


def trial(source: Path, folder: Path, name: str) -> Trial:
    """Take up one table in a clone of `source`."""
    folder.mkdir()
    write, wish = STRANGERS[name]
    table, clone = write(folder), folder / "clone"
    options = ["--target", wish.target, *(["--time", wish.time] if wish.time else [])]
    options += ["--slices", ",".join(wish.slices)] if wish.slices else []
    start = time.perf_counter()
    git(folder, "clone", "--quiet", str(source), str(clone))
    done = _run(clone, "nox", "-s", "adopt", "--", str(table), *options, "--yes")
    seconds = time.perf_counter() - start
    clean = _run(clone, "ruff", "check").returncode == 0 and not git(clone, "status", "--porcelain")
    found = clone / "experiment/comparison.json"
    verdict = json.loads(found.read_bytes())["verdict"] if found.exists() else "none"
    edits = int(done.returncode > 1) + int(not clean)
    return Trial(clone, seconds, edits, verdict, done.stdout + (done.stderr if edits else ""))


def _run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main(__doc__, measure)
