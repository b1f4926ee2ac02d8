"""Faults that `benchmarks.drift` puts into ordinary weeks: what each does to rows, and the columns to be named."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from problem.schema import SCHEMA

SENSORS = ("temp", "dewp", "humid", "pressure", "wind_speed")
OFTEN_MISSING = "wind_gust"  # in 67 % of rows: where the air is calm there are no gusts

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
