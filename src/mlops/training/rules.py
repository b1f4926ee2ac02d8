"""The schema's rules, applied: what is wrong with some rows, and which of them are dropped for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlops.contract import Column, Policy, Schema
from mlops.training.read import shown

WHOLE_ROW = "(all)"


@dataclass(frozen=True)
class Violation:
    """Rows (boolean mask, one a row) that break one rule of one column; `policy` says what follows."""

    column: str
    rule: str
    mask: "pd.Series[bool]"
    policy: Policy
    remedy: str
    values: str


def violations(rows: pd.DataFrame, schema: Schema) -> list[Violation]:
    """Every rule that at least one row breaks, in the schema's order, duplicates last."""
    found = [
        Violation(name, rule, mask, policy, remedy, shown(rows.loc[mask, name]))
        for name in rows.columns
        if "ignored" not in schema.columns[name].roles
        for rule, mask, policy, remedy in _rules(rows[name], schema.columns[name])
        if mask.any()
    ]
    twins = rows.duplicated()
    if twins.any():
        remedy = "remove them, or set `duplicates` in src/problem/schema.py to 'drop' or 'keep'"
        found.append(Violation(WHOLE_ROW, "duplicate rows", twins, schema.duplicates, remedy, ""))
    return found


def kept(rows: pd.DataFrame, schema: Schema) -> "pd.Series[bool]":
    """Mask of the rows that no rule drops."""
    keep = pd.Series(True, index=rows.index)
    for violation in violations(rows, schema):
        if violation.policy == "drop":
            keep &= ~violation.mask
    return keep


def _rules(values: "pd.Series[Any]", column: Column) -> Iterator[tuple[str, "pd.Series[bool]", Policy, str]]:
    missing = values.isna()
    if missing.all():
        yield "no value at all", missing, "error", "fill the column, or take it out of src/problem/schema.py"
    elif not column.missing:
        yield "missing values", missing, "error", "fill them, or set `missing=True` in src/problem/schema.py"
    if column.type == "boolean":
        yield "not 0 or 1", ~missing & ~values.isin([0, 1]), column.outliers, "mend the values"
    if column.categories:
        mask = ~missing & ~values.isin(column.categories)
        yield "unknown category", mask, column.outliers, "mend the values, or add them to `categories` in the schema"
    low, high = column.low, column.high
    if low is not None or high is not None:
        mask = ~missing & ~values.between(float("-inf") if low is None else low, float("inf") if high is None else high)
        bounds = f"outside [{'' if low is None else f'{low:g}'}, {'' if high is None else f'{high:g}'}]"
        yield f"{bounds} {column.unit}".strip(), mask, column.outliers, "mend them, or `low`, `high` or `outliers`"
