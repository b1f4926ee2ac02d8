"""Does the monitor stay silent in ordinary weeks, and does it see what it should? On the bundled flights, as frames.

- *Ordinary*: contiguous windows of the training period (January to April). The window is left out of everything that
  the check rests on: the model is trained without it, its profile and levels are made without it. A check *alarms* if
  anything does: any fault or drift of any column, of the scores, or of the label. Whose loss is called worse than that
  of the test at release (May) is reported beside it: that isn't false in the week when controllers were sent home.
- *May* is the month after, which the model has never seen: the season has moved on, so there is no limit.
- *Faults* are put into such left-out windows; they are seen if the alarms name the right column. The share of checks
  whose decision is `investigate` is reported beside it.
- *June, July*: whole months, with the model of January to April.
"""

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.claims import Claim, main
from benchmarks.costs import many
from benchmarks.flights import ROOT, THINNED, asked, flights, ordinal, trained
from benchmarks.injected import FAULTS
from mlops.artifact import Model
from mlops.watching import baseline, check
from mlops.watching.baseline import Baseline
from mlops.watching.record import Monitor
from mlops.watching.traffic import Seen, Span
from problem.schema import SCHEMA

FURLOUGH = ordinal(4) + 20, ordinal(4) + 27  # 21 to 27 April 2013: controllers stayed at home, the loss was 0.85
LENGTHS, FAULTY_LENGTHS = (1, 7), (1, 7, 30)


@dataclass(frozen=True)
class Result:
    """One check: `named` are the columns that alarm, `right` says whether they are the right ones."""

    what: str
    days: int
    start: int
    named: list[str]
    right: bool
    action: str
    worse: bool | None


def looked(made: Model, base: Baseline, rows: pd.DataFrame, start: int, days: int) -> Monitor:
    """One check of a window, with the volume of the days before it, as the store would say."""
    seen = Seen(base.info, base.plan)
    seen.take(baseline.read(rows, made))
    day = flights()[1]
    first = max(start - 28, int(day[0]))
    before = float(((day >= first) & (day < start)).sum() / (start - first)) if start - first >= 7 else None
    span = Span.until(date(1970, 1, 1) + timedelta(days=start + days - 1), days, SCHEMA.zone)
    return check.judge(base, seen, span, asked(days), "v1.0.0", before=before)


def result(what: str, days: int, start: int, found: Monitor, wanted: set[str]) -> Result:
    named = [name for alarm in found.alarms for name in alarm.column.split(" and ")]
    worse = found.performance.worse if found.performance else None
    return Result(what, days, start, named, wanted <= set(named), found.decision.action, worse)


def window(start: int, days: int, faults: list[tuple[str, int]]) -> list[Result]:
    """The window as it is, and with each fault (by name and draw), by a model that has never seen it."""
    made, base = trained((start, start + days))
    rows, day = flights()
    inside = rows[(day >= start) & (day < start + days)]
    results = [result("ordinary", days, start, looked(made, base, inside, start, days), set())]
    for name, draw in faults:
        faulty, wanted = FAULTS[name][0](inside, np.random.default_rng([draw, days]))
        results.append(result(name, days, start, looked(made, base, faulty, start, days), wanted))
    return results


def months(step: int) -> list[Result]:
    """Windows of May, every `step`th, and the whole of June and July, by the model of January to April."""
    made, base = trained()
    rows, day = flights()
    spans = [("May", days, start) for days in LENGTHS for start in range(ordinal(5), ordinal(6) - days + 1, step)]
    spans += [("June", 30, ordinal(6)), ("July", 31, ordinal(7))]
    return [
        result(what, days, start, looked(made, base, rows[(day >= start) & (day < start + days)], start, days),
               {"temp", "dewp"})
        for what, days, start in spans
    ]  # fmt: skip


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    subprocess.run(["dvc", "pull", "--quiet", "data.dvc", "live.dvc"], cwd=ROOT, check=True)
    first, end, random = ordinal(1), ordinal(5), np.random.default_rng(0)
    lengths, faulty_lengths, draws, faulty = (
        (LENGTHS[1:], LENGTHS[1:], 1, 1) if quick else (LENGTHS, FAULTY_LENGTHS, 200, 20)
    )
    drawn = {days: random.integers(first, end - days + 1, draws).tolist() for days in lengths}
    jobs: dict[tuple[int, int], list[tuple[str, int]]] = {(s, days): [] for days in lengths for s in drawn[days]}
    for days in faulty_lengths:
        starts = drawn[days] if quick else random.integers(first, end - days + 1, faulty).tolist()
        for draw, start in enumerate(starts):
            jobs.setdefault((start, days), []).extend((name, draw) for name in FAULTS)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ[THINNED] = "8" if quick else "1"
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        later = [pool.submit(window, start, days, faults) for (start, days), faults in jobs.items()]
        real = pool.submit(months, 31 if quick else 1)
        results = [one for done in later for one in done.result()] + real.result()
    costs, seconds = many(200_000 if quick else 10_000_000)
    claims = [*_ordinary(results, drawn), *_faults(results), *_real(results), *costs]
    return claims, {"checks": [asdict(one) for one in results], "costs": seconds}


def _ordinary(results: list[Result], drawn: dict[int, list[int]]) -> Iterator[Claim]:
    for days, starts in drawn.items():
        known = {one.start: one for one in results if one.what == "ordinary" and one.days == days}
        checks = [known[start] for start in starts]
        yield Claim(f"ordinary windows of {days} d that alarm, {len(checks)} draws", _share(checks, _alarms), 0.05)
        yield Claim("    whose loss is called worse than in May", _share(checks, lambda one: bool(one.worse)))
        yield Claim("    the same, and it was not that week of April", _share(checks, _worse_without_cause))
        told = Counter(name for one in checks for name in set(one.named))
        for name, times in told.most_common(5):
            yield Claim(f"    alarms that name {name}", times / len(checks))
        may = [one for one in results if one.what == "May" and one.days == days]
        yield Claim(f"    the same in May, {len(may)} windows", _share(may, _alarms))


def _faults(results: list[Result]) -> Iterator[Claim]:
    for name, (_, length) in FAULTS.items():
        for days in FAULTY_LENGTHS:
            checks = [one for one in results if one.what == name and one.days == days]
            if checks:
                limit = 0.95 if days == length else None
                yield Claim(f"{name}: named at {days} d", _share(checks, lambda one: one.right), limit, at_least=True)
                yield Claim("    decision `investigate`", _share(checks, lambda one: one.action == "investigate"))


def _real(results: list[Result]) -> Iterator[Claim]:
    for one in results:
        if one.what in ("June", "July"):
            yield Claim(f"real {one.what}: temp and dewp named", float(one.right), 1, at_least=True)
            yield Claim(f"    decision `retrain` (it was `{one.action}`)", float(one.action == "retrain"))


def _alarms(one: Result) -> bool:
    return bool(one.named)


def _worse_without_cause(one: Result) -> bool:
    return bool(one.worse) and (one.start + one.days <= FURLOUGH[0] or one.start >= FURLOUGH[1])


def _share(checks: list[Result], holds: Callable[[Result], bool]) -> float:
    return sum(map(holds, checks)) / len(checks)


if __name__ == "__main__":
    main(__doc__, measure)
