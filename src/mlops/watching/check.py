"""One look at production: the newest closed days of the store against the baseline of the model that answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from mlops.contract import save
from mlops.params import Monitor as Limits
from mlops.store import Moment, Store, needed
from mlops.watching import decision, levels, page, quality, rivalry, summary, traffic, words
from mlops.watching.baseline import Baseline
from mlops.watching.performance import compare
from mlops.watching.record import VERSION, Basis, Day, Decision, Finding, Monitor, Window
from mlops.watching.rivalry import Rival
from mlops.watching.sizes import ROWS, Size
from mlops.watching.traffic import Seen, Span


@dataclass(frozen=True)
class Question:
    """What is asked: `owner` is told; `until` is the last day, else the newest; `rival` challenges the champion."""

    limits: Limits
    owner: str
    now: datetime
    until: date | None = None
    rival: Rival | None = None


def run(store: Store, baseline: Callable[[str], Baseline], asked: Question, folder: Path) -> Monitor:
    """Look, and write what was found to `folder`.

    Parameters
    ----------
    baseline
        Gives that of a version.

    Raises
    ------
    BadInput
        The store can't be read or written.
    """
    with needed():
        newest = store.newest()
        if newest is None:
            reasons = ["the store is empty: the service has answered nothing yet"]
            found = Monitor(version=VERSION, owner=asked.owner, decision=Decision(action="none", reasons=reasons))
            html = page.render(found)
        else:
            base = baseline(newest.version)
            found, seen = look(store, newest, base, asked)
            html = page.render(found, seen.daily, base.train, base.plan)
    save(folder / "monitor.json", found)
    save(folder / "summary.md", summary.render(found).encode())
    save(folder / "page.html", html.encode())
    return found


def look(store: Store, newest: Moment, base: Baseline, asked: Question) -> tuple[Monitor, Seen]:
    """Check the window that ends with the newest closed day."""
    zone, seen, others = base.info.schema.zone, Seen(base.info, base.plan), 0
    last = asked.until or traffic.last_closed(newest.happened, asked.now, zone)
    span = Span.until(last, asked.limits.days, zone)
    for batch, beside in traffic.batches(store, base.info, newest.version, span):
        seen.take(batch)
        others += beside
    before = traffic.rows_before(store, span, quality.BEFORE)
    silent = None if asked.until else asked.now - newest.answered
    found = judge(base, seen, span, asked, newest.version, others, before, silent)
    if asked.rival and asked.rival.challenge.version != newest.version:
        challenger = rivalry.compare(store, base.info, newest.version, asked.rival, last)
        found = msgspec.structs.replace(found, challenger=challenger)
    return found, seen


def judge(
    base: Baseline, seen: Seen, span: Span, asked: Question, model: str,
    others: int = 0, before: float | None = None, silent: timedelta | None = None,
) -> Monitor:  # fmt: skip
    """What the rows seen in a span come to.

    Parameters
    ----------
    others
        Rows that other versions answered.
    before
        Rows a day in the weeks before, where they are known.
    silent
        How long ago the newest prediction was answered.
    """
    limits, rows = asked.limits, int(seen.daily.rows.sum()) if seen.daily else 0
    window = Window(
        model=model, start=span.first.isoformat(), end=span.last.isoformat(), days=limits.days, rows=rows,
        others=others, confidence=limits.confidence,
    )  # fmt: skip
    findings, basis = _findings(base, seen, limits, before)
    if silent and silent > timedelta(days=2):
        text = f"no prediction since {asked.now - silent:%Y-%m-%d %H:%M} UTC"
        quiet = Finding(kind="silence", column=ROWS, size=silent / timedelta(days=1), level=2, text=text)
        findings = [quiet, *findings]
    known = seen.losses.known if seen.losses else 0
    enough = seen.losses if known >= limits.min_rows else None
    timed = base.info.schema.time is not None
    loss = compare(enough, base.test, base.past, limits.confidence, timed) if enough else None
    few = f"not enough data: {rows} predictions of {model} from {window.start} to {window.end}, not {limits.min_rows}"
    decided = decision.decide(window, findings, loss, limits.strong, few if rows < limits.min_rows else "")
    if rows >= limits.min_rows and loss is None:
        decided = Decision(action=decided.action, reasons=[*decided.reasons, f"the loss isn't known: {known} outcomes"])
    return Monitor(
        version=VERSION, decision=decided, owner=asked.owner, window=window, basis=basis, findings=findings,
        days=_days(seen, limits.confidence), performance=loss,
    )  # fmt: skip


def _findings(base: Baseline, seen: Seen, limits: Limits, before: float | None) -> tuple[list[Finding], Basis | None]:
    rows = int(seen.daily.rows.sum()) if seen.daily else 0
    if seen.daily is None or rows < limits.min_rows:
        return [], None
    timed = base.info.schema.time is not None
    level = levels.calibrate(base.train, base.plan, limits.days, rows, limits.false_alarms, timed)
    found = levels.check(seen.daily, base.train, base.plan, level, before if timed else None)
    if seen.losses is None or seen.losses.known < limits.min_rows:
        found = [size for size in found if size.kind != "target"]
    basis = Basis(
        rows=int(base.train.rows.sum()), days=level.calibrated, windows=level.windows, false_alarms=limits.false_alarms
    )
    return [_finding(size, seen, base, limits.days) for size in found], basis


def _finding(size: Size, seen: Seen, base: Baseline, days: int) -> Finding:
    text = words.describe(size, seen, base.train, days) if size.alarms else ""
    column = base.info.schema.target if size.kind == "target" else size.column
    return Finding(kind=size.kind, column=column, size=size.size, level=size.level, text=text)  # type: ignore[arg-type]


def _days(seen: Seen, confidence: float) -> list[Day]:
    if seen.daily is None:
        return []
    losses = seen.losses.by_day(confidence) if seen.losses else {}
    listed = []
    for ordinal, rows in zip(seen.daily.days.tolist(), seen.daily.rows.tolist(), strict=True):
        known, loss, low, high = losses.get(ordinal, (0, None, None, None))
        listed.append(Day(day=words.day(ordinal), rows=rows, outcomes=known, loss=loss, low=low, high=high))
    return listed
