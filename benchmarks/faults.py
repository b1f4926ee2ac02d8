"""Whatever fails comes back by itself: at least a hundred trials of each fault, under load, real processes throughout.

A trial brings a fault about and takes it away; nobody touches anything else, but that a killed process is started
again. It has *healed* when the wanted version is served, lies whole on disk, and the store gets what is answered then.
*Lost* is an answered prediction (status 200) that the store doesn't have in the end. *Wrong* is an answer of a version
that wasn't wanted just then, or one with other probabilities than the version's ONNX file gives.

The store is PostgreSQL; releases and spool are small file systems (tmpfs) that really fill. With a full disk the
service refuses (`serve.when_full: refuse`): with `answer`, it would answer and count what it loses, as its users asked.
"""

import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import stand, traffic
from benchmarks.breakable import may_mount
from benchmarks.breaking import FAULTS
from benchmarks.claims import Claim, main
from benchmarks.running import PATIENCE, Running, running

TRIALS = 100
SLOWEST = 90.0  # seconds: longer than any part waits before it tries again (agent 60, shipping 30)


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    trials = 1 if quick else TRIALS
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        made = stand.make(Path(folder), 3, serve={"ship_interval": 0.1, "when_full": "refuse"})
        with running(made) as everything:
            for name, fault in FAULTS.items():
                found[name] = _try(everything, fault, trials)
            lines = everything.agent_lines
    slowest = max(one["healed after, s"]["most"] for one in found.values())
    totals = {key: sum(one[key] for one in found.values()) for key in ("lost", "wrong", "not healed", "answered")}
    return [
        Claim(f"answered predictions lost, of {totals['answered']:,}", totals["lost"], 0),
        Claim("answers of a wrong model", totals["wrong"], 0),
        Claim("trials that didn't heal by themselves", totals["not healed"], 0),
        Claim("slowest of them to heal, s", slowest, None if quick else SLOWEST),
        *(Claim(f"trials: {name}", one["trials"], trials, at_least=True) for name, one in found.items()),
    ], {"faults": found, "lines of the agent's work": lines}


def _try(everything: Running, fault: Callable[[Running, int, int], None], trials: int) -> dict[str, Any]:
    file, begin = everything.made.folder / "answers", time.time()
    healed: list[float] = []
    with traffic.flowing(everything.url, everything.made.bodies, file, connections=4, period=0.02):
        for number in range(trials):
            fault(everything, number, trials)
            start = time.monotonic()
            if everything.heals():
                healed.append(time.monotonic() - start)
    answers = traffic.answers(file)
    return {
        "trials": trials,
        "answered": sum(one.status == 200 for one in answers),
        "refused": sum(one.status != 200 for one in answers),
        "lost": everything.lost(answers, begin),
        "wrong": len(everything.made.wrong(answers)),
        "not healed": trials - len(healed),
        "healed after, s": {"median": statistics.median(healed or [PATIENCE]), "most": max(healed, default=PATIENCE)},
        "seconds": time.time() - begin,
    }


if __name__ == "__main__":
    may_mount("benchmarks.faults")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that disks and processes end with it
    main(__doc__, measure)
