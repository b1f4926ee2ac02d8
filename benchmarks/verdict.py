"""Can the verdict be trusted? Changes that do nothing, and changes whose effect is known, put to the judge.

A *trial* trains both sides of a change (``judge.trainings`` each, on the salted samples of the bundled flights of
January to April) and lets `mlops.judging.judge` compare them on May: every guard and the gate take part. A *draw* is
a set of salts and seeds. Both sides of a trial share them, except where other ones are the change.

- *Flagged* is a change that does nothing and isn't both accepted and inconclusive.
- The *true effect* of a change is the mean difference of the loss over all rows of May and all trainings of all draws;
  its standard error comes from the spread between draws. What the interval of a single trial covers besides is that
  other days may differ from those of May.
- Effects are in nats: differences of the log loss or, in the regression (log of 1 + minutes of delay), of half the log
  of the squared error, which is the log loss of a normal distribution. So 0.03 is 6 % of either problem's loss.
- *Right* is a verdict that names the direction of the true effect, with the decision that it calls for.

Two further methods see the same trials: `rows`, what a careful script does (the first training of each side, rows
paired, a 95 % interval as if rows were independent), and `raw`, the difference of these two trainings' losses to three
decimals.
"""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.changes import KNOWN, NOTHING, PROBLEMS, ROOT, Trial, run
from benchmarks.claims import Claim, main
from mlops import params

WORKERS = 2
METHODS = ("judge", "rows", "raw")
NOTICEABLE = 0.03  # effects of this size are claimed to be seen


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    """Claims of both problems; the details hold the power curve and every trial."""
    trials = _marked(pd.DataFrame(list(_all_trials(quick))))
    claims, curves = [], []
    for name in PROBLEMS:
        part = trials[trials.problem == name]
        nothing, known = part[part.nothing], part[~part.nothing]
        curves.append(_curve(known))
        claims += [*_claims_nothing(name, nothing), *_claims_known(name, known, curves[-1])]
        show(f"{name}: share of draws in which the true direction is seen", curves[-1])
    curve = json.loads(pd.concat(curves).to_json(orient="records"))
    return claims, {"power": curve, "trials": json.loads(trials.to_json(orient="records"))}


def _all_trials(quick: bool) -> Iterator[Trial]:
    limits = params.load(ROOT).judge
    draws, of_known = (1, 1) if quick else (34, 20)
    limits = msgspec.structs.replace(limits, sample_rows=2_000, trainings=2, resamples=200) if quick else limits
    nothing, known = (NOTHING[:1], KNOWN[:1]) if quick else (NOTHING, KNOWN)
    jobs = [
        (name, draw, draws, limits, nothing + known * (draw < of_known)) for draw in range(draws) for name in PROBLEMS
    ]
    os.environ["OMP_NUM_THREADS"] = "1"  # two fits of several threads each would stall each other
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        done = as_completed([pool.submit(run, *job) for job in jobs])
        for job in track(done, "draws", len(jobs), console=Console(stderr=True), disable=not sys.stderr.isatty()):
            yield from job.result()


def _marked(trials: pd.DataFrame) -> pd.DataFrame:
    """With the true effect, and, by method, whether a trial is flagged (columns `flagged ...`) or right."""
    truth = trials.groupby(["problem", "change"]).effect.transform("mean")
    wanted = np.where(truth < 0, "better", "worse")
    more: dict[str, Any] = {"truth": truth}
    for method in METHODS:
        more[f"flagged {method}"] = trials[method] != "inconclusive"
        more[f"right {method}"] = trials[method] == wanted
    more["flagged judge"] |= ~trials.accepted
    more["right judge"] &= trials.accepted == (wanted == "better")
    return trials.assign(**more)


def _curve(known: pd.DataFrame) -> pd.DataFrame:
    """One row a change: true effect, its standard error, what trials state as detectable, share right by method."""
    by_change = known.groupby(["problem", "change"], as_index=False)
    right = {method: (f"right {method}", "mean") for method in METHODS}
    curve = by_change.agg(
        truth=("truth", "first"), error=("effect", "sem"), detectable=("detectable", "median"), **right
    )
    return curve.sort_values("truth")


def _claims_nothing(name: str, trials: pd.DataFrame) -> Iterator[Claim]:
    of = f"{name}: share of {len(trials)} changes that do nothing"
    yield Claim(f"{of} flagged", float(trials["flagged judge"].mean()), 0.05)
    for family, flagged in trials.groupby("change", sort=False)["flagged judge"]:
        yield Claim(f"    {family}", float(flagged.mean()))
    yield from (Claim(f"    by {method}", float(trials[f"flagged {method}"].mean())) for method in METHODS[1:])


def _claims_known(name: str, trials: pd.DataFrame, curve: pd.DataFrame) -> Iterator[Claim]:
    big = trials[trials.truth.abs() >= NOTICEABLE]
    of = f"{name}: {big.change.nunique()} of {len(curve)} effects are {NOTICEABLE} or more: share called right"
    yield Claim(of, float(big["right judge"].mean()), 0.9, at_least=True)
    yield from (Claim(f"    by {method}", float(big[f"right {method}"].mean())) for method in METHODS[1:])
    worse = trials[trials.change.isin(curve.change[curve.truth > 2 * curve.error.fillna(0)])]
    yield Claim(f"{name}: truly worse changes called better", int((worse.judge == "better").sum()), 0)
    yield from (Claim(f"    by {method}", int((worse[method] == "better").sum())) for method in METHODS[1:])


def show(title: str, curve: pd.DataFrame) -> None:
    """Print the power curve."""
    table = Table("change", "true effect", "+-", "stated detectable", *METHODS, title=title)
    for row in curve.to_dict("records"):
        numbers = [f"{row['truth']:+.4f}", f"{row['error']:.4f}", f"{row['detectable']:.4f}"]
        table.add_row(row["change"], *numbers, *(f"{row[method]:.2f}" for method in METHODS))
    Console(width=120).print(table)


if __name__ == "__main__":
    main(__doc__, measure)
