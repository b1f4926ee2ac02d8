"""Columns that a model had better not see: identifiers, texts without groups, and what gives the answer away."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.adopting.table import Wish
from mlops.contract import Task, Type
from mlops.training.read import shown

IDENTIFIER = re.compile(r"(^|[\W_])(id|ids|uuid|guid|key|index|number|no|nr|row)([\W_]*$)|^unnamed", re.IGNORECASE)
PERSONAL = re.compile(
    r"^name$|(first|last|full|user|sur|customer|patient)[\W_]?name|e-?mail|phone|\baddress|street|passport|\bssn\b|"
    r"\biban\b|birth|\bdob\b",
    re.IGNORECASE,
)
PROTECTED = re.compile(
    r"\b(sex|gender|race|ethnic\w*|religion|nationality|disab\w*|age|marital\w*|pregnan\w*)\b", re.IGNORECASE
)
FREE_TEXT = 0.5  # distinct values a row
GIVEN_AWAY = 0.99  # of the error that knowing nothing makes, one column alone takes away
LEAST_ROWS, MOST_ROWS = 50, 4000


@dataclass(frozen=True)
class Doubt:
    """A column that is left out unless a person keeps it."""

    column: str
    why: str

    @property
    def question(self) -> str:
        return f"'{self.column}' {self.why} Leave it out?"


def words(name: str) -> str:
    """A column's name with spaces between its words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)


def personal(name: str) -> bool:
    """Does the name say that the column tells who somebody is?"""
    return PERSONAL.search(words(name)) is not None


def protected(name: str) -> bool:
    """Does the name say that people must not be treated differently for it?"""
    return PROTECTED.search(words(name)) is not None


def useless(rows: pd.DataFrame, types: dict[str, Type], wish: Wish) -> dict[str, str]:
    """Columns that can't be inputs, and why; there is nothing to ask."""
    found = {}
    for name in (name for name in types if name not in (wish.target, wish.time, *wish.slices)):
        if rows[name].isna().all():
            found[name] = "it has no value at all"
        elif rows[name].nunique(dropna=False) == 1:
            found[name] = f"it has one value only, {shown(rows[name])}"
        elif types[name] == "timestamp":
            found[name] = f"a model takes numbers made from it; if rows happen then, adopt with `--time {name}`"
    return found


def key(rows: pd.DataFrame, types: dict[str, Type], wish: Wish) -> tuple[str, ...]:
    """The first column that identifies every row, if there is one."""
    names = (name for name in types if name not in (wish.target, wish.time) and rows[name].notna().all())
    unique = (name for name in names if rows[name].is_unique and _identifies(rows[name], types[name]))
    return tuple(unique)[:1]


def find(rows: pd.DataFrame, types: dict[str, Type], task: Task, wish: Wish) -> list[Doubt]:
    """Every doubtful column, in the order of the table, but those that a person gave a role or wants to keep."""
    target = _target(rows[wish.target], task)
    given = (wish.target, wish.time, *wish.slices, *wish.keep)
    names = [name for name in types if name in rows and name not in given]
    return [Doubt(name, why) for name in names for why in _why(rows[name], types[name], target, task)]


def _why(values: "pd.Series[Any]", type: Type, target: NDArray[Any], task: Task) -> Iterator[str]:
    """At most one reason."""
    if _identifies(values, type):
        yield "looks like an identifier: a model would learn rows by heart."
    elif type == "text" and values.nunique() > FREE_TEXT * values.notna().sum():
        yield "is a text that hardly ever comes twice: the example's features can't read it."
    elif len(values) >= LEAST_ROWS and (skill := _skill(values, target, task)) > GIVEN_AWAY:
        yield f"tells the target alone ({skill:.1%}): isn't it known only afterwards?"


def _identifies(values: "pd.Series[Any]", type: Type) -> bool:
    """Whole numbers or texts of many values, by their name or as they count the rows."""
    if type not in ("text", "integer"):
        return False
    if IDENTIFIER.search(words(str(values.name))):
        return values.nunique() > FREE_TEXT / 5 * len(values)
    counted = type == "integer" and len(values) >= LEAST_ROWS and values.notna().all()
    return bool(counted and (values.diff().iloc[1:] == 1).all())


def _target(values: "pd.Series[Any]", task: Task) -> NDArray[Any]:
    return values.to_numpy(np.float64) if task == "regression" else pd.factorize(values)[0]


def _skill(values: "pd.Series[Any]", target: NDArray[Any], task: Task) -> float:
    """Share of the error that a small tree on this column takes away, on the half of the rows that it hasn't seen."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    order = np.random.default_rng(0).permutation(len(values))[:MOST_ROWS]
    numbers = values if pd.api.types.is_numeric_dtype(values) else pd.Series(pd.factorize(values, sort=True)[0])
    seen, unseen = np.array_split(order, 2)
    inputs, many = numbers.to_numpy(np.float64).reshape(-1, 1), 32
    if task == "regression":
        predicted = DecisionTreeRegressor(max_leaf_nodes=many).fit(inputs[seen], target[seen]).predict(inputs[unseen])
        error, base = np.mean((predicted - target[unseen]) ** 2), np.var(target[unseen])
    else:
        predicted = DecisionTreeClassifier(max_leaf_nodes=many).fit(inputs[seen], target[seen]).predict(inputs[unseen])
        commonest = np.bincount(target[unseen]).argmax()
        error, base = np.mean(predicted != target[unseen]), np.mean(target[unseen] != commonest)
    return float(1 - error / base) if base else 0.0
