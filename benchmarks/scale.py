"""What more rows cost: time and memory of each step at 1, 10 and 100 times the bundled months.

Replicas are files of their own, so 100 times are 500 partitions. What is compared takes turns.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import costs
from benchmarks.claims import Claim, main
from benchmarks.replicas import ONE_LESS, ONE_MORE, ROOT, SETTINGS, Project, Took, project
from mlops.artifact import Model, feeds
from mlops.training import read, validate
from problem.schema import SCHEMA

TIMES, TRIALS = (1, 10, 100), 3
KINDS = (SETTINGS, ONE_LESS, ONE_MORE)
THINNED = 10  # in the quick form: every tenth row
MONITORED = 100_000  # predictions that a check looks at, once
Table = dict[str, list[Took]]


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    found: dict[str, Table] = {}
    with tempfile.TemporaryDirectory() as folder, project(Path(folder) / "clone", THINNED if quick else 1) as clone:
        if quick:
            clone.set("trees: 100", "trees: 10")
            clone.set("trainings: 5", "trainings: 2")
            clone.set("resamples: 2000", "resamples: 200")
        for times in TIMES[: 1 if quick else 3]:
            clone.grow(times)
            monitored = monitor(MONITORED * times // clone.thinned)
            trials = [KINDS[1:]] if quick else [KINDS] * TRIALS
            found[f"{times}x"] = steps(clone) | experiments(clone, trials) | score(clone) | monitored
    return claims(found), {
        size: {name: [asdict(one) for one in trials] for name, trials in table.items()} for size, table in found.items()
    }


def steps(clone: Project) -> Table:
    """The stages on all rows, no partition known; and validation where all are."""
    anew = {name: [clone.step(name, KEPT="no")] for name in ("validate", "prepare", "train")}
    clone.step("validate")
    return anew | {"validate, all known": [clone.step("validate")]}


def experiments(clone: Project, trials: Sequence[Sequence[str]]) -> Table:
    """Pull requests, the base's sample trained as a push to main leaves it."""
    options = ("experiment", "--base", "HEAD", "--no-gate", "--quiet")
    found: Table = {"experiment, base anew": [clone.step(*options, "--warm")]}
    for kind in chain(*trials):
        clone.pull_request(kind)
        found.setdefault(kind, []).append(clone.step(*options))
    clone.reset()
    return found


def score(clone: Project) -> Table:
    """`python -m pipelines.score data scored`, and onnxruntime alone on the same rows as arrays in memory."""
    if not (ROOT / "pipelines/score.py").exists():  # to be finished with that step, which asks for a version
        return {}
    found, seconds = clone.step("score", "data", "scored"), 0.0
    model = Model.load(clone.root / "artifacts")
    for path in read.partitions(clone.root / "data"):
        arrays = feeds(validate.clean(path, SCHEMA), SCHEMA)
        begin = time.perf_counter()
        model._session.run(None, arrays)
        seconds += time.perf_counter() - begin
    return {"score": [found], "onnxruntime alone": [Took(seconds, seconds, 0)]}


def monitor(rows: int) -> Table:
    """A check of production: its predictions, counted as they come, and the levels that they are compared with."""
    found = costs.of_frames(rows)
    seconds = found["counting, s"] + found["levels, s"]
    return {"monitor": [Took(seconds, seconds, found[costs.PEAK])]}


def claims(found: dict[str, Table]) -> list[Claim]:
    """The ratios that are promised, then everything that was measured."""
    least, most = next(iter(found)), list(found)[-1]
    many, few = ({kind: middle(found[size], kind) for kind in KINDS if kind in found[size]} for size in (most, least))
    promised = [
        Claim(f"{kind}, all partitions known: {most} / {least}", many[kind] / few[kind], 2)
        for kind in many
        if kind != ONE_MORE
    ]
    promised.append(Claim(f"{ONE_MORE} / one less, so none is new: {most}", many[ONE_MORE] / many[ONE_LESS], 1.2))
    if SETTINGS in many:
        promised.append(Claim(f"{ONE_MORE} / settings alone: {most}", many[ONE_MORE] / many[SETTINGS]))
    return (
        promised
        + scored(found)
        + [
            Claim(f"    {size} {name}: {unit}", middle(table, name, of))
            for size, table in found.items()
            for name in table
            for of, unit in (("seconds", "s"), ("processor", "s of a processor"), ("memory", "peak MiB"))
        ]
    )


def scored(found: dict[str, Table]) -> list[Claim]:
    """The claims of `score`, where it is there."""
    tables = [(size, table) for size, table in found.items() if "score" in table]
    if not tables:
        return []
    (most, last), (_, before) = tables[-1], tables[-2 % len(tables)]
    speed = middle(last, "onnxruntime alone") / middle(last, "score")
    memory = middle(last, "score", "memory") / middle(before, "score", "memory")
    return [
        Claim(f"score at {most}, files read and written / onnxruntime alone, rows/s", speed, 0.7, at_least=True),
        Claim(f"score at {most}, peak memory / a tenth of the rows", memory, 1.2),
    ]


def middle(table: Table, name: str, of: str = "seconds") -> float:
    return statistics.median(getattr(one, of) for one in table[name])


if __name__ == "__main__":
    main(__doc__, measure)
