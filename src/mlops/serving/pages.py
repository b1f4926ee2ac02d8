"""The status page as HTML that needs nothing else: no script, no file beside it. Readable on a phone, light or dark."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from html import escape
from pathlib import Path

from mlops.history import Assignment
from mlops.serving import pictures, words
from mlops.serving.metrics import Metrics
from mlops.serving.status import Check, Checks, Duel, State

REFRESH = 30  # seconds
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
ACTIONS = {"none": "Nothing to do", "investigate": "Look into the data", "retrain": "Retrain"}
WORK = ("/predict", "/outcomes")  # what people use it for; probes would hide how often it fails
STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def render(state: State) -> str:
    """The page."""
    title = f"{state.release.version} answers" if state.release else "No version is served yet"
    parts = [
        f"<h1{'' if state.release else ' class=alarm'}>{text(title)}</h1>",
        *_version(state),
        "<h2>Requests</h2>", *_requests(state.metrics, state.spool),
        "<h2>Drift and performance</h2>", *_checks(state.checks, state.now),
        "<h2>Champion and challenger</h2>", *_challenger(state),
        "<h2>Deployments</h2>", *_deployments(state.history),
        f'<p class="soft">As of {words.time(state.now)}, again every {REFRESH} s. Also here: '
        '<a href="model">model</a>, <a href="schema">schema</a>, <a href="metrics">metrics</a>.</p>',
    ]  # fmt: skip
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH}"><link rel="icon" href="data:,"><title>{text(title)}</title>'
    )
    body = "".join(parts)
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n'


def text(plain: str) -> str:
    """Escaped, with `code` shown as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(plain))


def _version(state: State) -> Iterator[str]:
    if state.release is None:
        yield "<p>The agent puts one into the folder of releases.</p>"
        return
    since = f"Since {words.time(state.switched)} ({words.ago(state.now - state.switched)}). " if state.switched else ""
    commit = text(state.release.commit[:12])
    yield f"<p>{since}It predicts <code>{text(state.target)}</code>; its release commit is {commit}.</p>"
    mine = (one for one in state.history if one.version == state.release.version and one.stage != "challenger")
    deployed = next(mine, None)
    if deployed:
        yield f"<p>{_assigned(deployed)}</p>"


def _requests(metrics: Metrics, spool: int) -> Iterator[str]:
    statuses: Counter[str] = Counter()
    for labels, number in metrics.counted("requests_total").items():
        known = dict(labels)
        if known["path"] in WORK:
            statuses[known["status"][0]] += number
    total = sum(statuses.values())
    lost = metrics.counted("lost_predictions_total").get((), 0)
    failures = metrics.counted("ship_failures_total").get((), 0)
    yield f'<p class="soft">To {" and ".join(WORK)}, since this process started, {words.time(metrics.started)}.</p><dl>'
    yield _tile("requests", f"{total:,}")
    yield _tile("rows answered", f"{metrics.counted('rows_total').get((), 0):,}")
    yield _tile("half answered within", words.seconds(metrics.within(0.5)))
    yield _tile("99 % answered within", words.seconds(metrics.within(0.99)))
    yield _tile("refused (4xx)", words.share(statuses["4"], total))
    yield _tile("failed (5xx)", words.share(statuses["5"], total), statuses["5"] > 0)
    yield _tile("waits for the store", f"{spool:,} bytes", failures > 0 and spool > 0)
    yield _tile("predictions lost", f"{lost:,}", lost > 0)
    yield "</dl>"
    if metrics.within(1) is not None:
        yield _figure(
            "Requests to /predict by milliseconds to the answer", pictures.bars("latency", _latencies(metrics))
        )
    outside = metrics.counted("out_of_range_total")
    if outside:
        listed = ", ".join(f"`{dict(labels)['column']}` {number:,}" for labels, number in sorted(outside.items()))
        yield f"<p>Values outside the schema's range or categories: {text(listed)}.</p>"


def _latencies(metrics: Metrics) -> list[tuple[str, int]]:
    return [(words.seconds(bound, short=True), number) for bound, number in metrics.latencies()]


def _checks(checks: Checks | None, now: datetime) -> Iterator[str]:
    if checks is None:
        yield '<p class="alarm">The store can\'t be reached; requests are answered, and what is collected waits.</p>'
    elif not checks:
        yield "<p>No check is in the store yet: the monitor makes them (<code>nox -s monitor</code>).</p>"
    else:
        yield from _newest(*checks[0], now)
        rows = "".join(_row(at, check) for at, check in checks)
        head = "<tr><th>decision</th><th>checked</th><th>days</th><th>alarms</th><th>loss (at release)</th></tr>"
        yield f'<div class="wide"><table>{head}{rows}</table></div>'


def _newest(at: datetime, check: Check, now: datetime) -> Iterator[str]:
    yield f"<p>{_action(check)}, says the check of {words.time(at)} ({words.ago(now - at)}):</p><ul>"
    yield from (f"<li>{text(reason)}</li>" for reason in check.decision.reasons)
    yield "</ul>"
    days = [(day.day[5:], day.loss, day.low, day.high) for day in check.days]
    known = [(name, loss, low, high) for name, loss, low, high in days if None not in (loss, low, high)]
    if known:
        level = check.performance.released if check.performance else None
        caption = "Mean loss by day" + (f", dashed: {level:.3f} of the test at release" if level is not None else "")
        yield _figure(caption, pictures.dots("loss by day", known, level))  # type: ignore[arg-type]


def _row(at: datetime, check: Check) -> str:
    window, found = check.window, check.performance
    days = f"{window.start} to {window.end}" if window else "none"
    alarms = ", ".join(dict.fromkeys(finding.column for finding in check.findings if finding.alarms)) or "none"
    loss = (
        f"{found.loss:.3f} ({found.released:.3f}), {words.change(found.difference, found.low, found.high)}"
        if found
        else "-"
    )
    cells = (_action(check), f"{at:%Y-%m-%d %H:%M}", text(days), text(alarms), loss)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _action(check: Check) -> str:
    action = check.decision.action
    return f'<b class="{escape(action)}">{text(ACTIONS.get(action, action))}</b>'


def _challenger(state: State) -> Iterator[str]:
    beside = state.challenger
    if beside is None:
        yield "<p>No challenger runs beside it.</p>"
    else:
        share = f", {beside.share:.0%} of the requests" if beside.mode == "split" else ""
        yield f"<p><b>{text(beside.version)}</b> runs beside it: {text(beside.mode)}{share}.</p>"
    duels = ((at, check.challenger) for at, check in state.checks or [] if check.challenger)
    yield from (f"<p>{_duel(at, duel)}</p>" for at, duel in list(duels)[:1])


def _duel(at: datetime, duel: Duel) -> str:
    losses = ""
    if None not in (duel.champion, duel.challenger, duel.difference, duel.low, duel.high):
        change = words.change(duel.difference or 0, duel.low or 0, duel.high or 0)
        losses = f": loss {duel.challenger:.3f} against {duel.champion:.3f}, {change}, {duel.rows:,} rows"
    verdict = f'<b class="{escape(duel.verdict)}">{text(duel.verdict)}</b>'
    return f"{text(duel.version)} is {verdict}{losses} (check of {words.time(at)})."


def _deployments(history: list[Assignment]) -> Iterator[str]:
    if not history:
        yield "<p>None is known here: the agent writes them.</p>"
        return
    yield '<ul class="plain">'
    for place, one in enumerate(history):
        before = next((old for old in history[place + 1 :] if old.stage == one.stage), None)
        yield f"<li>{_assigned(one, _what(one, before))}</li>"
    yield "</ul>"


def _what(one: Assignment, before: Assignment | None) -> str:
    if one.ended:
        return " <b>ended</b>"
    if before and words.order(one.version) < words.order(before.version):
        return " <b class=warn>rollback</b>"
    return ""


def _assigned(one: Assignment, what: str = "") -> str:
    marked = " <b class=alarm>bad</b>" if one.bad else ""
    reason = f'<br><span class="soft">{text(one.reason)}</span>' if one.reason else ""
    where = f"{text(one.stage)} #{one.number}, {words.time(one.at)} by {text(one.by)}"
    return f"<b>{text(one.version)}</b>{marked}{what}: {where}{reason}"


def _tile(name: str, value: str, alarm: bool = False) -> str:
    return f"<div><dt>{name}</dt><dd{' class=alarm' if alarm else ''}>{value}</dd></div>"


def _figure(caption: str, picture: str) -> str:
    return f"<figure><figcaption>{text(caption)}</figcaption>{picture}</figure>"
