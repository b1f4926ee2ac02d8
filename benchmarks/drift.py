"""Does the monitor stay silent in ordinary weeks, and does it see what it should? On the bundled flights, as frames.

- *Ordinary*: contiguous windows of the training period (January to April). The window is left out of everything that
  the check rests on: the model is trained without it, its profile and levels are made without it. A check *alarms* if
  anything does: any fault or drift of any column, of the scores, or of the label. What the loss, against that of the
  test at release (May), then makes of the decision is reported beside it.
- *May* is the month after, which the model has never seen: the season has moved on, so there is no limit.
- *Faults* are put into such left-out windows; they are seen if the alarms name the right column. The share of checks
  whose decision is `investigate` is reported beside it.
- *June, July*: whole months, with the model of January to April.
"""

import gc
import os
import resource
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from benchmarks.claims import Claim, main
from mlops import params
from mlops.artifact import Model
from mlops.judging.metrics import Ints
from mlops.store import Outcome, Prediction, Store
from mlops.training import fit, read, validate
from mlops.watching import baseline, check, counts, traffic
from mlops.watching.baseline import Baseline
from mlops.watching.check import Question
from mlops.watching.record import Monitor
from mlops.watching.traffic import Seen, Span
from problem import model
from problem.schema import SCHEMA

ROOT = Path(__file__).parents[1]
LENGTHS, FAULTY_LENGTHS = (1, 7), (1, 7, 30)
SENSORS = ("temp", "dewp", "humid", "pressure", "wind_speed")
OFTEN_MISSING = "wind_gust"  # in 67 % of rows: where the air is calm there are no gusts
CHUNK = 20_000

Fault = Callable[[pd.DataFrame, np.random.Generator], tuple[pd.DataFrame, set[str]]]


def unit(rows: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, set[str]]:  # noqa: ARG001
    return rows.assign(temp=(rows["temp"] - 32) * 5 / 9), {"temp"}


def frozen(rows: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, set[str]]:
    name = str(random.choice(SENSORS))
    return rows.assign(**{name: rows[name].dropna().iloc[0]}), {name}


def renamed(rows: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, set[str]]:
    """One category that at least 2 % of the rows have."""
    name = str(random.choice(["carrier", "origin"]))
    share = rows[name].value_counts(normalize=True)
    value = str(random.choice(sorted(share.index[share >= 0.02])))
    return rows.assign(**{name: rows[name].replace(value, f"{value}-2")}), {name}


def airport(rows: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, set[str]]:
    return rows[rows["origin"] != random.choice(["EWR", "JFK", "LGA"])], {"origin"}


def missing(rows: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, set[str]]:
    return _missing(rows, random, str(random.choice([name for name in SCHEMA.inputs if name != OFTEN_MISSING])))


def missing_gusts(rows: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, set[str]]:
    return _missing(rows, random, OFTEN_MISSING)


def _missing(rows: pd.DataFrame, random: np.random.Generator, name: str) -> tuple[pd.DataFrame, set[str]]:
    """30 % of all rows, taken from those that have a value, or all of these."""
    present = np.flatnonzero(rows[name].notna())
    lost = np.zeros(len(rows), bool)
    lost[random.permutation(present)[: round(0.3 * len(rows))]] = True
    return rows.assign(**{name: rows[name].mask(lost)}), {name}


def swapped(rows: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, set[str]]:  # noqa: ARG001
    return rows.assign(temp=rows["dewp"], dewp=rows["temp"]), {"temp", "dewp"}


def halved(rows: pd.DataFrame, random: np.random.Generator) -> tuple[pd.DataFrame, set[str]]:
    late = np.flatnonzero(rows["late"] == 1)
    kept = rows["late"].to_numpy(copy=True)
    kept[random.permutation(late)[: len(late) // 2]] = 0
    return rows.assign(late=kept), {"late"}


FAULTS: dict[str, tuple[Fault, int | None]] = {  # and the length from which on it must be seen
    "unit changed (temp, F to C)": (unit, 7),
    "sensor frozen": (frozen, 7),
    "category renamed": (renamed, 7),
    "one airport gone": (airport, 7),
    "30 points more missing": (missing, 7),
    f"30 points more missing, {OFTEN_MISSING}": (missing_gusts, None),
    "two columns swapped (temp, dewp)": (swapped, 7),
    "label rate halved": (halved, 30),
}


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


@cache
def flights() -> tuple[pd.DataFrame, Ints]:
    """January to September, and the local day of each row."""
    paths = [*read.partitions(ROOT / "data"), *read.partitions(ROOT / "live")]
    rows = pd.concat([validate.clean(path, SCHEMA) for path in paths], ignore_index=True)
    rows = rows.sort_values("time_hour", kind="stable", ignore_index=True)
    return rows, counts.ordinals(rows["time_hour"], SCHEMA.zone)


def ordinal(month: int) -> int:
    return (date(2013, month, 1) - date(1970, 1, 1)).days


def trained(without: tuple[int, int] | None = None) -> tuple[Model, Baseline]:
    """The example's model of January to April, less the days `without` (the end exclusive), tested on May."""
    rows, day = flights()
    chosen = day < ordinal(5)
    if without:
        chosen &= (day < without[0]) | (day >= without[1])
    settings = params.convert(params.load(ROOT).train.model, model.Settings, "params.yaml: train.model")
    graph, classes = fit.fit(lambda seed: model.build(settings, SCHEMA, seed), rows[chosen], SCHEMA, 0)
    made = Model(graph, fit.describe(graph, classes, rows[chosen], SCHEMA, 0, {}))
    test = rows[(day >= ordinal(5)) & (day < ordinal(6))]
    names = [f"probability_{label}" for label in classes]
    tested = test.reset_index(drop=True).join(pd.DataFrame(made.predict(test), columns=names))
    return made, Baseline.of(made, rows[chosen], tested)


def looked(made: Model, base: Baseline, rows: pd.DataFrame, start: int, days: int) -> Monitor:
    """One check of a window, with the volume of the days before it, as the store would say."""
    seen = Seen(base.info, base.plan)
    seen.take(baseline.read(rows, made))
    day = flights()[1]
    first = max(start - 28, int(day[0]))
    before = float(((day >= first) & (day < start)).sum() / (start - first)) if start - first >= 7 else None
    span = Span.until(date(1970, 1, 1) + timedelta(days=start + days - 1), days, SCHEMA.zone)
    return check.judge(base, seen, span, asked(days), "v1.0.0", before=before)


def asked(days: int) -> Question:
    limits = params.load(ROOT)
    return Question(msgspec.structs.replace(limits.monitor, days=days), "nobody", datetime.now(UTC))


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
    draws, faulty = (1, 1) if quick else (200, 20)
    first, end, random = ordinal(1), ordinal(5), np.random.default_rng(0)
    drawn = {days: random.integers(first, end - days + 1, draws).tolist() for days in LENGTHS}
    jobs: dict[tuple[int, int], list[tuple[str, int]]] = {(s, days): [] for days in LENGTHS for s in drawn[days]}
    for days in FAULTY_LENGTHS[1:2] if quick else FAULTY_LENGTHS:
        for draw, start in enumerate(random.integers(first, end - days + 1, faulty).tolist()):
            jobs.setdefault((start, days), []).extend((name, draw) for name in FAULTS)
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        later = [pool.submit(window, start, days, faults) for (start, days), faults in jobs.items()]
        real = pool.submit(months, 20 if quick else 1)
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


def many(n_rows: int) -> tuple[list[Claim], dict[str, float]]:
    """Time and memory of a check of June, repeated to `n_rows`: as frames; a hundredth of them from SQLite, too."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # a process of its own, whose peak memory is the check's
        found = pool.submit(_many, n_rows).result()
        found |= pool.submit(_stored, n_rows // 100).result()
    ratio = (found["counting, s"] + found["levels, s"]) / found["predicting, s"]
    return [
        Claim(f"check of {n_rows:,} predictions as frames / the model's time to predict them", ratio),
        *(Claim(f"    {name}", value) for name, value in found.items()),
    ], found


def _many(n_rows: int) -> dict[str, float]:
    made, base = trained()
    rows, day = flights()
    june = rows[(day >= ordinal(6)) & (day < ordinal(7))].sample(CHUNK, random_state=0).sort_values("time_hour")
    batch, seen = baseline.read(june, made), Seen(base.info, base.plan)
    predicting = _timed(lambda: made.predict(june)) * n_rows / CHUNK
    seen.take(batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counting = _timed(lambda: [seen.take(batch) for _ in range(n_rows // CHUNK - 1)])
    judged = _timed(lambda: _judged(base, seen))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "predicting, s": predicting, "counting, s": counting, "levels, s": judged,
        "peak memory, training the model included, MiB": peak / 1024,
        "of that by counting, MiB": (peak - before) / 1024,
    }  # fmt: skip


def _judged(base: Baseline, seen: Seen) -> Monitor:
    return check.judge(base, seen, Span.until(date(2013, 6, 30), 30, SCHEMA.zone), asked(30), "v1.0.0")


def _stored(n_rows: int) -> dict[str, float]:
    """The same through the store, on fewer rows, as filling it takes longest."""
    made, base = trained()
    rows, day = flights()
    june = rows[(day >= ordinal(6)) & (day < ordinal(7))]
    june = june.sample(n_rows, replace=True, random_state=0)
    inputs = june[SCHEMA.inputs].astype(object).where(june[SCHEMA.inputs].notna(), None).to_dict("records")
    outputs = [{"probabilities": {"0": a, "1": b}} for a, b in made.predict(june).tolist()]
    now, seen = datetime.now(UTC), Seen(base.info, base.plan)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.connect(f"sqlite:///{folder}/store.db")
        times, late = june["time_hour"].dt.to_pydatetime(), june["late"]
        for first in range(0, n_rows, CHUNK):
            part = range(first, min(first + CHUNK, n_rows))
            predictions = [
                Prediction(
                    id=str(i), version="v1.0.0", at=now, event_time=times.iloc[i], row=inputs[i], output=outputs[i]
                )
                for i in part
            ]
            store.add(predictions, [Outcome(id=str(i), at=now, value=int(late.iloc[i])) for i in part])
        span = Span.until(date(2013, 6, 30), 30, SCHEMA.zone)
        del inputs, outputs
        gc.collect()

        def take() -> None:
            for batch, _ in traffic.batches(store, base.info, "v1.0.0", span):
                seen.take(batch)

        seconds = _timed(take)
    return {f"read from SQLite, {n_rows:,} rows, s": seconds}


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _alarms(one: Result) -> bool:
    return bool(one.named)


def _share(checks: list[Result], holds: Callable[[Result], bool]) -> float:
    return sum(map(holds, checks)) / len(checks)


if __name__ == "__main__":
    main(__doc__, measure)
