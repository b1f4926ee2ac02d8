"""What a table's columns seem to mean: the task, ranges, categories, and what a person should say a word on."""

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pandas as pd

from mlops.adopting import doubts
from mlops.adopting.doubts import Doubt
from mlops.adopting.table import Table, Wish
from mlops.contract import BadInput, Column, Role, Schema, Task, Type
from mlops.training.read import shown

FEW_CLASSES, MOST_CLASSES = 10, 100  # of numbers that may be names; of names that may be classes
MOST_CATEGORIES, ROWS_A_CATEGORY = 20, 10
UNIT = re.compile(r"\(([^()]+)\)\s*$")


@dataclass(frozen=True)
class Guess:
    """A schema that fits the rows; `remarks` say what was decided, `doubts` what a person may decide otherwise."""

    schema: Schema
    remarks: list[str]
    doubts: list[Doubt]


def guess(table: Table, wish: Wish) -> Guess:
    """Infer the schema of a table.

    Raises
    ------
    BadInput
        The target can't be predicted, or a column can't have the role that it was given.
    """
    rows = table.rows
    task = wish.task or task_of(rows[wish.target], table.types[wish.target])
    types = {**table.types, wish.target: _target_type(rows[wish.target], table.types[wish.target], task)}
    remarks = [f"`{wish.target}` is the target: {_task_in_words(rows[wish.target], task)}"]
    left_out = sum(map(len, table.untaught.values()))
    if left_out:
        remarks.append(f"{left_out:,} rows without a value of the target were left out: they can't teach")
    useless = doubts.useless(rows, types, wish)
    remarks += [f"`{name}` is left out: {why}" for name, why in useless.items()]
    doubtful = doubts.find(rows.drop(columns=list(useless)), types, task, wish)
    _refuse_crowds(rows, wish)
    reasons = useless | {doubt.column: f"it {doubt.why}" for doubt in doubtful}
    if not table.types.keys() - reasons.keys() - {wish.target, wish.time}:
        listed = "\n".join(f"'{name}': {why}" for name, why in reasons.items())
        raise BadInput(f"no column is left to learn from; `--keep` one if you know better:\n{listed}")
    columns = {name: _column(rows[name], types[name], _roles(name, wish, reasons.keys())) for name in types}
    key = doubts.key(rows, types, wish)
    remarks += [f"`{name}` tells rows apart, in any version of the data" for name in key]
    schema = Schema(task=task, columns=columns, key=key, duplicates=_duplicates(rows, remarks))
    return Guess(schema, remarks, doubtful)


def settled(table: Table, wish: Wish, agree: Callable[[str], bool] | None) -> Guess:
    """The guess, after a person was asked which doubtful columns to leave out.

    Raises
    ------
    BadInput
        There are doubts, and nobody to ask.
    """
    found = guess(table, wish)
    if found.doubts and agree is None:
        listed = "\n".join(f"'{doubt.column}' {doubt.why}" for doubt in found.doubts)
        raise BadInput(f"{listed}\nsay `--yes` to leave these columns out, or which ones to `--keep`")
    kept = [doubt.column for doubt in found.doubts if agree and not agree(doubt.question)]
    return guess(table, replace(wish, keep=(*wish.keep, *kept))) if kept else found


def task_of(target: "pd.Series[Any]", type: Type) -> Task:
    """Two values: binary; names, or at most ten whole numbers: multiclass; else regression."""
    distinct = target.nunique()
    if distinct < 2:
        raise BadInput(f"column '{target.name}', the target, has one value only ({shown(target)}): nothing to learn")
    if type == "timestamp":
        raise BadInput(f"column '{target.name}', the target, holds times; make a number of it, such as days until then")
    if type == "text" or bool((target % 1 == 0).all()):
        if distinct == 2:
            return "binary"
        if type == "text" or distinct <= FEW_CLASSES:
            return "multiclass"
    return "regression"


def _target_type(target: "pd.Series[Any]", type: Type, task: Task) -> Type:
    """Classes are texts, whole numbers or booleans; amounts are numbers."""
    if task == "regression":
        if type == "text":
            raise BadInput(f"column '{target.name}', the target, holds texts such as {shown(target, 1)}: no regression")
        return "number"
    if type != "text" and not (target % 1 == 0).all():
        raise BadInput(f"column '{target.name}', the target, holds numbers such as {shown(target, 1)}: no classes")
    if target.nunique() > MOST_CLASSES:
        raise BadInput(
            f"column '{target.name}', the target, has {target.nunique()} classes, more than {MOST_CLASSES}; "
            "merge them, or name another target"
        )
    if task == "binary" and target.nunique() != 2:
        raise BadInput(f"column '{target.name}', the target, has {target.nunique()} values: not binary")
    return "integer" if type == "number" else type


def _task_in_words(target: "pd.Series[Any]", task: Task) -> str:
    if task == "regression":
        return "an amount (regression)"
    shares = target.value_counts(normalize=True)
    rarest = f"the rarest, {shown(shares.index[-1:].to_series())}, has {shares.iloc[-1]:.1%} of the rows"
    return f"{len(shares)} classes ({task}); {rarest}"


def _roles(name: str, wish: Wish, ignored: Collection[str]) -> tuple[Role, ...]:
    if name in (wish.target, wish.time):
        return ("target" if name == wish.target else "time",)
    if name in ignored:
        return ("ignored",)
    return ("input", "slice") if name in wish.slices else ("input",)


def _column(values: "pd.Series[Any]", type: Type, roles: tuple[Role, ...]) -> Column:
    """Ranges and categories where the column is used, the unit where its name has it."""
    name, used = str(values.name), roles != ("ignored",)
    unit = UNIT.search(name)
    column = Column(
        type=type,
        roles=roles,
        unit=unit[1] if unit and type in ("number", "integer") else "",
        missing=used and bool(values.isna().any()),
        sensitive=doubts.personal(name),
    )
    if used and type in ("number", "integer"):
        exact = "target" in roles and type == "integer"
        low, high = (values.min(), values.max()) if exact else _range(values.min(), values.max())
        return msgspec.structs.replace(column, low=float(low), high=float(high))
    if used and type == "text" and ("target" in roles or _closed(values)):
        return msgspec.structs.replace(column, categories=tuple(sorted(values.dropna().unique())))
    return column


def _range(low: float, high: float) -> tuple[float, float]:
    """A guess that is wide, and round: the span of the values once more on both sides, but not across zero."""
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span))
    digits = max(0, -math.floor(math.log10(step)))
    wide_low = 0.0 if 0 <= low <= span else math.floor((low - span) / step) * step
    wide_high = 0.0 if -span <= high <= 0 else math.ceil((high + span) / step) * step
    return round(wide_low, digits), round(wide_high, digits)


def _closed(values: "pd.Series[Any]") -> bool:
    """Are these all the categories that there will be? Few of them, each seen often."""
    counts = values.value_counts()
    return 0 < len(counts) <= MOST_CATEGORIES and len(values) >= ROWS_A_CATEGORY * len(counts) and counts.min() > 1


def _duplicates(rows: pd.DataFrame, remarks: list[str]) -> Any:
    twins = int(rows.duplicated().sum())
    if twins:
        remarks.append(f"{twins:,} rows equal an earlier one and are kept; if they are copies, say `duplicates='drop'`")
    return "keep" if twins else "error"


def _refuse_crowds(rows: pd.DataFrame, wish: Wish) -> None:
    for name in wish.slices:
        if rows[name].nunique() > MOST_CLASSES:
            raise BadInput(f"--slices names '{name}', which has {rows[name].nunique()} values: too many to guard each")
