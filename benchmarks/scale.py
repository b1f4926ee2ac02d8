"""What more rows cost: time and memory of each step at 1, 10 and 100 times the bundled months.

Replicas are files of their own, so 100 times are 500 partitions. What is compared takes turns.
"""

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import costs, scoring
from benchmarks.claims import Claim, main
from benchmarks.replicas import ONE_LESS, ONE_MORE, SETTINGS, Project, Took, project

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
        scoring.release(clone)
        sizes = TIMES[: 1 if quick else 3]
        for times in sizes:
            clone.grow(times)
            monitored = {} if quick else monitor(MONITORED * times)  # in short by `drift`
            trials = [KINDS[2:]] if quick else [KINDS] * TRIALS
            made = scoring.scored(clone, 1 if quick else TRIALS, times == sizes[-1])
            found[f"{times}x"] = steps(clone) | made | experiments(clone, trials) | monitored
        files = len(clone.files)
    least, most = list(found)[-2:][0], list(found)[-1]
    promised = claims(found) + scoring.claims(found[least], found[most], most, files)
    return [*promised, *listed(found)], {
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


def monitor(rows: int) -> Table:
    """A check of production: its predictions, counted as they come, and the levels that they are compared with."""
    found = costs.of_frames(rows)
    seconds = found["counting, s"] + found["levels, s"]
    return {"monitor": [Took(seconds, seconds, found[costs.PEAK])]}


def claims(found: dict[str, Table]) -> list[Claim]:
    """The ratios that are promised."""
    least, most = next(iter(found)), list(found)[-1]
    many, few = ({kind: middle(found[size], kind) for kind in KINDS if kind in found[size]} for size in (most, least))
    promised = [
        Claim(f"{kind}, all partitions known: {most} / {least}", many[kind] / few[kind], 2)
        for kind in many
        if kind != ONE_MORE
    ]
    if ONE_LESS in many:
        promised.append(Claim(f"{ONE_MORE} / one less, so none is new: {most}", many[ONE_MORE] / many[ONE_LESS], 1.2))
    if SETTINGS in many:
        promised.append(Claim(f"{ONE_MORE} / settings alone: {most}", many[ONE_MORE] / many[SETTINGS]))
    return promised


def listed(found: dict[str, Table]) -> Iterator[Claim]:
    """Everything that was measured."""
    for size, table in found.items():
        for name in table:
            for of, unit in (("seconds", "s"), ("processor", "s of a processor"), ("memory", "peak MiB")):
                yield Claim(f"    {size} {name}: {unit}", middle(table, name, of))


def middle(table: Table, name: str, of: str = "seconds") -> float:
    return statistics.median(getattr(one, of) for one in table[name])


if __name__ == "__main__":
    main(__doc__, measure)
