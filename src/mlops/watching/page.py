"""A check as one HTML page that needs nothing else: pictures are inline SVG. Readable on a phone, light or dark."""

import html
import io
import re
from collections.abc import Callable, Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from mlops.judging.metrics import Ints
from mlops.watching import summary
from mlops.watching.counts import Daily
from mlops.watching.layout import FIRST, Bins, Layout
from mlops.watching.record import Finding, Monitor

MOST_BARS = 12
MOST_PICTURES = 6
WIDTH = 5.0  # inches of a picture, whose letters so stay legible where it shrinks to a phone's width
VIEWPORT = "width=device-width,initial-scale=1"
CALM, ALARM, USUAL = "#3b6ea8", "#c2413b", "#8a8f98"
COLOURS = {"none": "#2e7d4f", "investigate": "#b7791f", "retrain": ALARM}
STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:46rem;padding:1rem;color:#1c1f23;background:#fff}
h1{font-size:1.5rem;margin:.2rem 0;padding-left:.7rem;border-left:.5rem solid}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}
svg{display:block;width:100%;max-width:38rem;height:auto}ul{padding-left:1.2rem}
li{margin:.3rem 0;overflow-wrap:anywhere}p{color:#555}
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{padding:.25rem .4rem;border-bottom:1px solid #ddd}
td,th{text-align:right}td:first-child,th:first-child{text-align:left;overflow-wrap:anywhere}.wide{overflow-x:auto}.alarm{color:#c2413b}
"""


def render(found: Monitor, window: Daily | None = None, train: Daily | None = None, plan: Layout | None = None) -> str:
    """The page. With the counts of the window and of the training rows it shows the distributions that moved."""
    title = summary.TITLES[found.decision.action]
    parts = [
        f'<h1 style="border-color:{COLOURS[found.decision.action]}">{title}</h1>',
        "<ul>", *(f"<li>{_text(reason)}</li>" for reason in found.decision.reasons), "</ul>",
        f"<p>{_text(summary.basis(found))}</p>",
    ]  # fmt: skip
    if found.challenger:
        parts += ["<h2>Challenger</h2>", f"<p>{_text(summary.rival(found.challenger))}</p>"]
    if found.findings:
        parts += ["<h2>How unusual</h2>", picture(lambda axes: _bars(axes, found.findings), 0.3 * MOST_BARS)]
    if any(day.loss is not None for day in found.days):
        parts += ["<h2>Loss by day</h2>", picture(lambda axes: _losses(axes, found))]
    if found.days:
        parts += ["<h2>Predictions by day</h2>", picture(lambda axes: _volume(axes, found), 1.8)]
    if window and train and plan:
        parts += _distributions(found, window, train, plan)
    if found.findings:
        parts += ["<h2>Everything that was measured</h2>", _table(found.findings)]
    head = f'<meta charset="utf-8"><meta name="viewport" content="{VIEWPORT}"><title>{title}</title>'
    body = "".join(parts)
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n'


def picture(draw: Callable[[Axes], None], height: float = 2.6) -> str:
    """Inline SVG of what `draw` puts on the axes; the same for the same input."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    buffer = io.StringIO()
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "monitor", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)


def _text(text: str) -> str:
    """Escaped, with `code` shown as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _bars(axes: Axes, findings: list[Finding]) -> None:
    shown = findings[:MOST_BARS][::-1]
    ratios = [finding.ratio for finding in shown]
    axes.barh(range(len(shown)), ratios, color=[ALARM if finding.alarms else CALM for finding in shown])
    axes.set_yticks(range(len(shown)), [f"{finding.kind}: {finding.column}" for finding in shown], fontsize="small")
    axes.axvline(1, color="black", linewidth=1)
    if max(ratios) > 10:
        axes.set_xscale("log")
    axes.set_xlabel("size / level; above 1 it alarms")


def _losses(axes: Axes, found: Monitor) -> None:
    known = [day for day in found.days if day.loss is not None and day.low is not None and day.high is not None]
    at = range(len(known))
    values = np.array([(day.loss, day.low, day.high) for day in known], dtype=np.float64)
    axes.errorbar(at, values[:, 0], np.abs(values[:, 1:] - values[:, :1]).T, fmt="o", color=CALM, capsize=3)
    axes.set_xticks(*_ticks([day.day for day in known]))
    if found.performance:
        axes.axhline(found.performance.released, color=USUAL, linestyle="--", label="test at release")
        axes.axhline(found.performance.loss, color=ALARM if found.performance.worse else CALM, label="this window")
        axes.legend(frameon=False)
    axes.set_ylabel("mean loss")


def _volume(axes: Axes, found: Monitor) -> None:
    axes.bar(range(len(found.days)), [day.rows for day in found.days], color=CALM)
    axes.set_xticks(*_ticks([day.day for day in found.days]))


def _ticks(days: list[str]) -> tuple[list[int], list[str]]:
    at = list(range(0, len(days), max(1, len(days) // 7)))
    return at, [days[i][5:] for i in at]


def _distributions(found: Monitor, window: Daily, train: Daily, plan: Layout) -> Iterator[str]:
    names = dict.fromkeys(finding.column for finding in found.alarms if finding.column in plan.bins)
    for name in list(names)[:MOST_PICTURES]:
        now, before, bins = window.columns[name].sum(0), train.columns[name].sum(0), plan.bins[name]
        yield f"<h2>{html.escape(name)}</h2>"
        yield picture(lambda axes, now=now, before=before, bins=bins: _shares(axes, now, before, bins))  # type: ignore[misc]


def _shares(axes: Axes, now: Ints, before: Ints, bins: Bins) -> None:
    sides = [("training", USUAL, before[FIRST:]), ("this window", ALARM, now[FIRST:])]
    if bins.role == "text":
        names = [*bins.values, "rare", "unseen"]
        most = np.argsort(-np.maximum(*(counts / max(counts.sum(), 1) for _, _, counts in sides)), kind="stable")[:10]
        for i, (label, colour, counts) in enumerate(sides):
            axes.bar(
                np.arange(len(most)) + 0.4 * i, counts[most] / max(counts.sum(), 1), 0.4, label=label, color=colour
            )
        axes.set_xticks(np.arange(len(most)) + 0.2, [names[i] for i in most])
        axes.set_ylabel("share of rows")
    else:
        edges = np.array(bins.edges)
        for label, colour, counts in sides:
            axes.plot(edges, np.cumsum(counts)[:-1] / max(counts.sum(), 1), label=label, color=colour)
        held = np.flatnonzero((sides[0][2] + sides[1][2])[1:])
        if len(held):
            axes.set_xlim(edges[max(held[0] - 1, 0)], edges[min(held[-1] + 1, len(edges) - 1)])
        axes.set_ylabel("share of rows at or below")
    axes.legend(frameon=False)


def _table(findings: list[Finding]) -> str:
    rows = "".join(
        f"<tr{' class=alarm' if finding.alarms else ''}><td>{finding.kind}: {html.escape(finding.column)}</td>"
        f"<td>{finding.size:.3g}</td><td>{finding.level:.3g}</td><td>{finding.ratio:.2f}</td></tr>"
        for finding in findings
    )
    head = "<tr><th>what</th><th>size</th><th>alarm above</th><th>times</th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>'
