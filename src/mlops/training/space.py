"""Settings to try, drawn at random from the space that params.yaml spans."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlops import params
from mlops.contract import BadInput, Strict

PLACE = "params.yaml: search.space"
PATIENCE = 20  # draws a trial, after which a small space counts as exhausted


class Range(Strict, frozen=True):
    """Inclusive bounds; whole numbers where both are. `log`: as many draws between 1 and 10 as between 10 and 100."""

    low: int | float
    high: int | float
    log: bool = False


def draw(space: Sequence[Mapping[str, Any]], number: int, seed: int) -> list[dict[str, Any]]:
    """Distinct settings, from each entry of the space in turn; fewer than `number` where it holds no more.

    References
    ----------
    Bergstra and Bengio 2012, "Random search for hyper-parameter optimization".

    Raises
    ------
    BadInput
        A range is none; names the setting.
    """
    random, drawn = np.random.default_rng(seed), list[dict[str, Any]]()
    for turn in range(number * PATIENCE):
        entry = space[turn % len(space)]
        settings = {name: _value(f"{PLACE}: {name}", choice, random) for name, choice in entry.items()}
        if settings not in drawn and len(drawn) < number:
            drawn.append(settings)
    return drawn


def _value(place: str, choice: Any, random: np.random.Generator) -> Any:
    if isinstance(choice, list):
        if not choice:
            raise BadInput(f"{place}: an empty list; name at least one value")
        return choice[random.integers(len(choice))]
    return _between(place, params.convert(choice, Range, place), random) if isinstance(choice, dict) else choice


def _between(place: str, range: Range, random: np.random.Generator) -> int | float:
    """A number of the range, floats with three digits, so that a person can read what won."""
    low, high = range.low, range.high
    if not low < high or (range.log and low <= 0):
        raise BadInput(f"{place}: low: {low}, high: {high}: low must be below high, and above 0 on a log scale")
    whole = isinstance(low, int) and isinstance(high, int)
    if range.log:
        value = math.exp(random.uniform(math.log(low), math.log(high)))
    else:
        value = float(random.integers(int(low), int(high), endpoint=True) if whole else random.uniform(low, high))
    return min(max(round(value) if whole else float(f"{value:.3g}"), low), high)
