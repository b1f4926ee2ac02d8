"""One column of a request: the type that its values must have, and whether one lies outside the schema's range."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import UNSET, Meta, UnsetType

from mlops.contract import Column

LARGEST = float(np.finfo(np.float32).max)  # models compute with 32 bits: beyond lies infinity
INFINITY = float("inf")


def used(column: Column) -> bool:
    """Must requests have it? What is ignored, or the target, may come along and is only checked for its type."""
    return bool({"input", "time", "slice"} & set(column.roles))


def field(column: Column, strict: bool) -> tuple[Any, Any] | tuple[Any]:
    """Type and, where the column may be absent, default; `strict` refuses what lies outside the schema's range."""
    if not used(column):
        return value_type(column, strict=False) | None | UnsetType, UNSET
    if column.missing:
        return value_type(column, strict) | None, None
    return (value_type(column, strict),)


def value_type(column: Column, strict: bool) -> Any:
    """The type of a value that isn't missing."""
    if column.type == "timestamp":
        return datetime
    if column.type == "boolean":
        return bool
    if column.type == "text":
        if strict and column.categories:
            return Literal[column.categories + ("",) * column.missing]
        return str if column.missing or not used(column) else Annotated[str, Meta(min_length=1)]
    low, high = bounds(column) if strict else (-INFINITY, INFINITY)
    whole = 1 if column.type == "integer" else None  # as floats, so that 2.0 passes for an integer, as JSON has it
    return Annotated[float, Meta(ge=max(low, -LARGEST), le=min(high, LARGEST), multiple_of=whole)]


def bounds(column: Column) -> tuple[float, float]:
    return -INFINITY if column.low is None else column.low, INFINITY if column.high is None else column.high


def outside(column: Column) -> Callable[[Any], bool] | None:
    """Says of a value that isn't missing whether it is out of range or an unknown category; None: none can be."""
    low, high = bounds(column)
    if not used(column):
        return None
    if column.categories:
        known = {*column.categories, ""}
        return lambda value: value not in known
    if column.type in ("number", "integer") and (low, high) != (-INFINITY, INFINITY):
        return lambda value: not low <= value <= high
    return None
