"""What more rows cost: time and memory of each step at 1, 10 and 100 times the bundled months.

Replicas are files of their own, so 100 times are 500 partitions. What is compared takes turns.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import costs
from benchmarks.claims import Claim, main
from benchmarks.replicas import ROOT, Project, Took, project
from mlops.artifact import Model, feeds
from mlops.training import read, validate
from problem.schema import SCHEMA

TIMES, QUICK_TIMES = (1, 10, 100), (1, 2)
TRIALS = 3
MONITORED = 100_000  # predictions that a check looks at, times 1
ANEW = {"KEPT": "no"}
Table = dict[str, list[Took]]


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    times = QUICK_TIMES if quick else TIMES
    with tempfile.TemporaryDirectory() as folder, project(Path(folder) / "clone") as clone:
        if quick:
            clone.set("sample_rows: 20000", "sample_rows: 2000")
            clone.set("trainings: 5", "trainings: 2")
        found: dict[str, Table] = {}
        for number in times:
            clone.grow(number)
            found[f"{number}x"] = {
                **steps(clone), **experiments(clone, 1 if quick else TRIALS), **score(clone), **monitor(number, quick)
            }  # fmt: skip
    return claims(found), {"took": found}


def steps(clone: Project) -> Table:
    """The stages on all rows, nothing known of any partition; and validation where all are known."""
    found = {"validate": [clone.step("validate", **ANEW)], "prepare, all rows": [clone.step("prepare", **ANEW)]}
    found["train, all rows"] = [clone.step("train", PYTHONHASHSEED="0")]
    clone.step("validate")
    return {**found, "validate, partitions known": [clone.step("validate")]}


def experiments(clone: Project, trials: int) -> Table:
    """Pull requests against a base whose sample is in the cache, as a push to main leaves it."""
    options = ("experiment", "--base", "HEAD", "--no-gate", "--quiet")
    found: Table = {"experiment, base anew": [clone.step(*options, "--warm")]}
    for _ in range(trials):
        for what, new in (("none new", False), ("one new", True)):
            clone.pull_request(new)
            found.setdefault(f"experiment, {what}", []).append(clone.step(*options))
    clone.pull_request(new=False)
    return found


def score(clone: Project) -> Table:
    """`python -m pipelines.score data scored`, and onnxruntime alone on the same rows as arrays in memory."""
    if not (
        ROOT / "pipelines/score.py"
    ).exists():  # TODO: to be finished with that step, which needs a version to score
        return {}
    found = {"score": [clone.step("score", "data", "scored")]}
    model = Model.load(clone.root / "artifacts")
    seconds = 0.0
    for path in read.partitions(clone.root / "data"):
        arrays = feeds(validate.clean(path, SCHEMA), SCHEMA)
        begin = time.perf_counter()
        model._session.run(None, arrays)
        seconds += time.perf_counter() - begin
    return {**found, "onnxruntime alone": [Took(seconds, 0)]}


def monitor(times: int, quick: bool) -> Table:
    """A check of production: its predictions, counted as they come, and the levels that they are compared with."""
    found = costs.of_frames(MONITORED // (5 if quick else 1) * times)
    return {"monitor": [Took(found["counting, s"] + found["levels, s"], found[costs.PEAK])]}


def claims(found: dict[str, Table]) -> list[Claim]:
    """The ratios that are promised, then everything that was measured."""
    least, *_, before, most = [next(iter(found)), *found]
    known, new = middle(found[most], "experiment, none new"), middle(found[most], "experiment, one new")
    promised = [
        Claim(
            f"experiment, partitions known, {most} / {least}", known / middle(found[least], "experiment, none new"), 2
        ),
        Claim(f"experiment at {most}, one new partition / none", new / known, 1.2),
    ]
    if "score" in found[most]:
        ratio = middle(found[most], "onnxruntime alone") / middle(found[most], "score")
        memory = [found[size]["score"][0].memory for size in (before, most)]
        promised += [
            Claim(f"score at {most}, rows a second / onnxruntime alone on arrays", ratio, 0.7, at_least=True),
            Claim(f"score, peak memory at {most} / {before}", memory[1] / memory[0], 1.2),
        ]
    return promised + [
        Claim(f"    {size} {name}: {'peak MiB' if of == 'memory' else 's'}", middle(table, name, of))
        for size, table in found.items()
        for name in table
        for of in ("seconds", "memory")
    ]


def middle(table: Table, name: str, of: str = "seconds") -> float:
    return statistics.median(getattr(one, of) for one in table[name])


if __name__ == "__main__":
    main(__doc__, measure)
