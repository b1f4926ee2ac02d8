"""Production's rows with what came true of them, as data to train on: whole closed days, each row once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pandas as pd

from mlops.contract import BadInput, Column, Schema
from mlops.params import Retrain
from mlops.store import MASK, Store, needed
from mlops.watching.traffic import Span

EVER = date(1970, 1, 1)


@dataclass(frozen=True)
class Labelled:
    """`rows` have the schema's columns as the service stored them; `left_out` says what isn't among them, and why."""

    rows: pd.DataFrame
    days: list[date]
    left_out: list[str]


def window(schema: Schema, after: date | None, until: date | None, now: datetime) -> Span:
    """The closed local days after `after` (without it all that there are) up to `until`."""
    yesterday = now.astimezone(ZoneInfo(schema.zone)).date() - timedelta(days=1)
    first = after + timedelta(days=1) if after else EVER
    return Span(first, min(until or yesterday, yesterday), schema.zone)


def collect(store: Store, schema: Schema, span: Span, limits: Retrain) -> Labelled:
    """Rows of the days on which enough outcomes are known: where few are, those that came early would stand for all.

    Raises
    ------
    BadInput
        The store can't be read, or training needs a column that is sensitive.
    """
    with needed():
        rows, day = _rows(store, schema, span, kept(schema))
    known = rows[schema.target].notna()
    share = known.groupby(day).mean()
    full = share[(share >= limits.min_known) & (share > 0)]
    left_out = [
        f"{one}: {part:.0%} of its outcomes are known, not {limits.min_known:.0%} (retrain.min_known)"
        for one, part in share.drop(full.index).items()
    ]
    taken = day.isin(full.index)
    if (taken & ~known).any():
        left_out.append(f"{int((taken & ~known).sum())} rows of the days taken, whose outcomes aren't known")
    return Labelled(rows[taken & known].reset_index(drop=True), sorted(full.index), left_out)


def kept(schema: Schema) -> list[str]:
    """The columns that may become data: what is sensitive and `ignored` stays behind.

    Raises
    ------
    BadInput
        A column that training needs is sensitive, so production keeps nothing of it but a mask.
    """
    for name, column in schema.columns.items():
        if column.sensitive and not (set(column.roles) <= {"ignored", "slice"} and _can_be_masked(column)):
            raise BadInput(
                f"src/problem/schema.py: '{name}' is {', '.join(column.roles)}, and sensitive: production masks it, "
                "so its rows can't be trained on; take `sensitive` from it, or bring data by hand (`dvc add data`)"
            )
    return [name for name, column in schema.columns.items() if not (column.sensitive and "ignored" in column.roles)]


def _can_be_masked(column: Column) -> bool:
    return column.type == "text" or "ignored" in column.roles


def _rows(store: Store, schema: Schema, span: Span, names: list[str]) -> "tuple[pd.DataFrame, pd.Series[date]]":
    """Every row of the span, the target missing where it isn't known, and the local day of each."""
    parts = list(_parts(store, schema, span, names))
    rows = pd.concat([part for part, _, _ in parts] or [pd.DataFrame(columns=names)], ignore_index=True)
    ids = pd.Series([id for _, ids, _ in parts for id in ids], dtype=object)
    times = pd.Series(pd.to_datetime([time for _, _, times in parts for time in times], utc=True))
    if schema.time:
        rows[schema.time] = times
    for name in names:
        if schema.columns[name].sensitive:  # whoever filled the store
            rows[name] = rows[name].where(rows[name].isna(), MASK)
    once = ~ids.duplicated()  # a challenger may have answered the same row
    return rows[once], times[once].dt.tz_convert(schema.zone).dt.date


def _parts(
    store: Store, schema: Schema, span: Span, names: list[str]
) -> Iterator[tuple[pd.DataFrame, list[str], list[datetime]]]:
    for part in store.collected(span.start, span.end):
        ids, times, texts, outcomes = (list(column) for column in zip(*part, strict=True))
        rows = pd.DataFrame(msgspec.json.decode(f"[{','.join(texts)}]"), columns=names, dtype=object)
        rows[schema.target] = msgspec.json.decode(f"[{','.join(text or 'null' for text in outcomes)}]")
        yield rows, ids, times
