"""What the store holds of a window as counts and losses by day: chunk by chunk, so any number of rows fits."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pandas as pd

from mlops.contract import ModelInfo
from mlops.store import Store
from mlops.watching import counts, performance
from mlops.watching.counts import Batch, Daily
from mlops.watching.layout import Layout, shown
from mlops.watching.performance import Losses

EXAMPLES = 3


@dataclass
class Seen:
    """Sums over the batches so far; `unseen` counts, by column, categories that the training rows don't have."""

    info: ModelInfo
    plan: Layout
    daily: Daily | None = None
    losses: Losses | None = None
    unseen: dict[str, Counter[str]] = field(default_factory=dict)

    def take(self, batch: Batch) -> None:
        daily = counts.count(batch, self.plan, self.info)
        self.daily = self.daily + daily if self.daily else daily
        if not np.isnan(batch.target).all():
            losses = performance.losses(batch, self.info.task)
            self.losses = self.losses + losses if self.losses else losses
        for name, bins in self.plan.bins.items():
            if bins.role == "text" and daily.columns[name][:, -1].any():
                values = batch.rows[name].dropna().astype(str)
                known = {*bins.values, *self.plan.rare.get(name, ())}
                self.unseen.setdefault(name, Counter()).update(values[~values.isin(known)].tolist())

    def examples(self, name: str) -> list[str]:
        return [value for value, _ in self.unseen.get(name, Counter()).most_common(EXAMPLES)]


@dataclass(frozen=True)
class Span:
    """Whole local days, from the first to the last, both inclusive."""

    first: date
    last: date
    zone: str

    @classmethod
    def until(cls, last: date, days: int, zone: str) -> "Span":
        return cls(last - timedelta(days=days - 1), last, zone)

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return midnight(self.last + timedelta(days=1), self.zone)


def midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def last_closed(newest: datetime, now: datetime, zone: str) -> date:
    """The newest local day that has rows and is over: rows that carry their own time may all be of long ago."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return min(newest.astimezone(ZoneInfo(zone)).date(), today - timedelta(days=1))


def rows_before(store: Store, span: Span, days: int) -> float | None:
    """Rows a day in up to `days` days before the span; None where fewer than 7 of them are recorded."""
    number, first = store.count(midnight(span.first - timedelta(days=days), span.zone), span.start)
    recorded = (span.first - first.astimezone(ZoneInfo(span.zone)).date()).days if first else 0
    return number / recorded if recorded >= 7 else None


def batches(store: Store, info: ModelInfo, version: str, span: Span) -> Iterator[tuple[Batch, int]]:
    """The rows that `version` answered, and how many others answered beside them."""
    for part in store.happened(span.start, span.end):
        mine = [found for found in part if found[0] == version]
        if mine:
            yield _batch(mine, info), len(part) - len(mine)
        else:
            yield empty(info), len(part)


def empty(info: ModelInfo) -> Batch:
    names = shown(info)
    return Batch(pd.DataFrame(columns=names), np.array([], np.int64), np.zeros((0, outputs(info))), np.array([]))


def outputs(info: ModelInfo) -> int:
    return max(len(info.classes), 1)


def _batch(found: list[list[Any]], info: ModelInfo) -> Batch:
    rows = pd.DataFrame(_decoded(one[2] for one in found), columns=shown(info))
    for name in shown(info):
        if info.schema.columns[name].type != "text":
            rows[name] = rows[name].astype(np.float64)
    return replace(answers([(one[1], one[3], one[4]) for one in found], info), rows=rows)


def answers(found: list[tuple[datetime, str, str | None]], info: ModelInfo) -> Batch:
    """A batch without rows, of times, outputs and outcomes, the last two as JSON."""
    times, outputs, outcomes = zip(*found, strict=True)
    labels = [str(label) for label in info.classes]
    results = _decoded(outputs)
    predicted = [[one["probabilities"][label] for label in labels] if labels else [one["value"]] for one in results]
    true = pd.Series(_decoded(one or "null" for one in outcomes), dtype=object)
    day = counts.ordinals(pd.Series(pd.to_datetime(list(times), utc=True)), info.schema.zone)
    return Batch(true.to_frame()[[]], day, np.array(predicted, dtype=np.float64), counts.encoded(true, info))


def _decoded(texts: Iterable[str]) -> list[Any]:
    return msgspec.json.decode("[" + ",".join(texts) + "]")
