"""The report of a comparison as Markdown for a GitHub comment: five lines to decide by, the rest folded.

Reads a Comparison and nothing else, as it may come from code that nobody has reviewed: every text in it is escaped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from mlops.judging.record import Basis, Bin, Changes, Comparison, Day, Estimate, Side, Slice

MOST_CHARACTERS = 60_000
MOST_ROWS = 40
MOST_REASONS = 5
BREAK = "  \n"
OWN_WORD = " (by its own word)"  # of the head's machine, which is all that isn't measured by the judge


def render(found: Comparison) -> str:
    """The whole report, at most 60,000 characters; sections that no longer fit are named instead."""
    text = head(found)
    left_out = []
    for title, lines in _details(found):
        section = f"\n<details><summary>{title}</summary>\n\n" + "\n".join(lines) + "\n\n</details>\n"
        if len(text) + len(section) > MOST_CHARACTERS - 500:
            left_out.append(title)
        else:
            text += section
    return text + (f"\nToo long for a comment, see comparison.json: {', '.join(left_out)}.\n" if left_out else "")


def head(found: Comparison) -> str:
    """What a reviewer reads first: verdict, decision, what to look at, on what it rests, how to see it again."""
    return _flags(found.changes) + BREAK.join(_summary(found)) + "\n"


def plain(text: str) -> str:
    """Text from data as text: no Markdown, HTML, mention or reference survives in it."""
    flat = _flat(text)[:300]
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = re.sub(r"([\\`*{}\[\]()|~!]|(?<!\w)_|_(?!\w)|^[-+=](?=[-=\s]|$)|^\d+(?=\.(?:\s|$)))", _escaped, flat)
    return re.sub(r"([@#$])", "\\1\u200b", flat).replace("://", ":\u200b//").replace("www.", "www\u200b.")


def code(text: str) -> str:
    """Text from data as a code span, safe in a table, too."""
    flat = _flat(text)[:100].replace("`", "'").replace("|", "\\|")
    return f"`{flat}`" if flat else ""


def _flat(text: str) -> str:
    """On one line, and without signs that show nothing or turn the text around."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _escaped(found: re.Match[str]) -> str:
    """A number ends with the backslash, as the point after it makes the list."""
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"


def _flags(changes: Changes) -> str:
    if not changes.flagged:
        return ""
    listed = ", ".join(code(name) for name in changes.flagged[:10])
    more = f" and {len(changes.flagged) - 10} more" if len(changes.flagged) > 10 else ""
    what = "the change touches what judges or runs it:"
    return f"> **Look at this first: {what}** {listed}{more}. Judged by main's.\n\n"


def _summary(found: Comparison) -> Iterator[str]:
    accepted = "**Accepted.**" if found.decision.accepted else "**Refused.**"
    reasons = [plain(reason) for reason in found.decision.reasons]
    again = f"Again on your machine: `nox -s experiment -- --base {found.base.commit[:7]}`"
    if not found.metrics or found.basis is None:
        titles = {"unchanged": "Unchanged: no byte that reaches the model changed, so nothing was trained"}
        yield f"### {titles.get(found.verdict, f'{found.verdict.capitalize()}: the two sides cannot be compared')}\n"
        yield f"{accepted} {_sentence(reasons)}"
        yield again
        return
    yield f"### {found.verdict.capitalize()}: {headline(found.metrics[0], found.basis.confidence)}\n"
    guards = reasons[1 : MOST_REASONS + 1] or ["no guard broken"]
    guards += [f"and {len(reasons) - MOST_REASONS - 1} more"] if len(reasons) > MOST_REASONS + 1 else []
    yield f"{accepted} {_sentence([reasons[0], *guards])} {_worst(found.slices)}".rstrip()
    yield f"Look at: {_look(found)}"
    yield _rests_on(found.basis)
    yield again


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def headline(loss: Estimate, confidence: float) -> str:
    """Base, head, and their difference with its interval."""
    return (
        f"{_name(loss.name)} {_number(loss.base)} -> {_number(loss.head)} ({_signed(loss.difference)}, "
        f"{confidence:.0%} between {_signed(loss.low)} and {_signed(loss.high)})"
    )


def _worst(slices: Sequence[Slice]) -> str:
    worst = next(iter(slices), None)
    if worst is None or worst.broken:
        return ""
    where = f"Worst slice: {plain(worst.column)} {code(worst.value)} ({worst.rows:,} rows)"
    if worst.p is None:
        return f"{where}, too small to judge."
    if worst.high is not None and worst.high < 0:
        return f"{where}, better by {_number(-worst.difference)}."
    sure = worst.low is not None and worst.low > 0
    return f"{where}, {_signed(worst.difference)}, {'within the margin' if sure else 'no measurable change'}."


def _look(found: Comparison) -> str:
    """The one thing that a reviewer should look at."""
    broken = next((row for row in found.slices if row.broken), None)
    if broken:
        return f"slice {plain(broken.column)} {code(broken.value)}: {_number(broken.base)} -> {_number(broken.head)}."
    if found.why:
        return f"{plain(found.why[0])}."
    notable = next((row for row in found.changes.drift if row.notable), None)
    if notable:
        was = f" ({plain(notable.base)} before)" if notable.base else ""
        return f"{code(notable.column)}: {plain(notable.what)} {plain(notable.head)} in the new rows{was}."
    costly = max(found.footprint, key=lambda row: row.head / row.base / row.limit, default=None)
    if costly and costly.head > 1.5 * costly.base:
        return f"{plain(costly.name)} grows {costly.head / costly.base:.1f} times ({costly.limit:g} allowed)."
    if found.verdict == "inconclusive" and found.basis and found.basis.detectable is not None:
        return f"an effect smaller than {_number(found.basis.detectable)} would not have been seen."
    if found.basis and found.basis.released > 3:
        return f"{found.basis.released} releases were judged on this test already; its verdicts wear out."
    return "nothing stands out."


def _rests_on(basis: Basis) -> str:
    trained = (
        f"Sample of {basis.sample_rows:,} rows ({basis.sample_share * 100:.3g} %), {basis.trainings} trainings a side"
    )
    if basis.trainings == 1:
        trained = f"Two fixed models, the newer one of {basis.sample_rows:,} rows"
    blocks = f"in {basis.blocks} blocks of {plain(basis.block)}"
    return f"{trained}; tested on {basis.test_rows:,} rows, {plain(basis.period)}, {blocks}."


def _details(found: Comparison) -> Iterator[tuple[str, list[str]]]:
    if found.metrics:
        yield "Metrics", _metrics(found)
        yield f"Slices ({len(found.slices)})", _slices(found.slices)
        if found.head_bins:
            yield "Calibration", _calibration(found.base_bins, found.head_bins)
        if found.days:
            yield "Difference day by day", _per_day(found.days)
    yield "What changed", list(_changed(found.changes))
    if found.metrics:
        rows = [
            [
                plain(row.name),
                _cost(row.base),
                _cost(row.head),
                plain(row.unit),
                f"{row.head / row.base:.2f}",
                f"{row.limit:g}",
                _mark(row.broken),
            ]
            for row in found.footprint
        ]
        yield "Footprint", _table(["", "base", "head", "unit", "ratio", "limit", ""], rows)
        yield "Leakage check", _leakage(found)
    yield "Provenance", list(_provenance(found))


def _metrics(found: Comparison) -> list[str]:
    rows = [
        [_name(m.name) + ("" if m.lower_is_better else " (higher is better)"), _number(m.base), _number(m.head),
         _signed(m.difference), f"{_signed(m.low)} to {_signed(m.high)}"]
        for m in found.metrics
    ]  # fmt: skip
    note = []
    if found.basis and found.basis.detectable is not None:
        note = ["", f"The smallest difference that this test sees 8 times of 10: {_number(found.basis.detectable)}."]
    return _table(["", "base", "head", "difference", "interval"], rows) + note


def _slices(slices: Sequence[Slice]) -> list[str]:
    rows = [
        [code(row.column), code(row.value), f"{row.rows:,}", _number(row.base), _number(row.head),
         _signed(row.difference), f"{_signed(row.low)} to {_signed(row.high)}" if row.low is not None else "",
         "**broken**" if row.broken else "too small to judge" if row.p is None else ""]
        for row in slices[:MOST_ROWS]
    ]  # fmt: skip
    more = ["", f"{len(slices) - MOST_ROWS} more in comparison.json."] if len(slices) > MOST_ROWS else []
    return _table(["slice", "", "rows", "base", "head", "difference", "interval", ""], rows) + more


def _calibration(base: Sequence[Bin], head: Sequence[Bin]) -> list[str]:
    """Observed against predicted: the bars are what a perfect model would show, the lines base and head."""
    by_bin = [{int(min(bin.predicted, 0.999) * 10): bin for bin in side} for side in (base, head)]
    shown = sorted(set(by_bin[0]) & set(by_bin[1]))
    rows = [
        [f"{i / 10:.1f} to {(i + 1) / 10:.1f}", f"{by_bin[0][i].rows:,}", f"{by_bin[0][i].observed:.3f}",
         f"{by_bin[1][i].rows:,}", f"{by_bin[1][i].observed:.3f}"]
        for i in shown
    ]  # fmt: skip
    chart = _chart(
        "predicted", [f"{i / 10 + 0.05:.2f}" for i in shown], "observed",
        [("bar", [i / 10 + 0.05 for i in shown]), *(("line", [side[i].observed for i in shown]) for side in by_bin)],
    )  # fmt: skip
    note = ["Bars: perfect. First line: base, second line: head.", ""]
    return note + chart + [""] + _table(["predicted", "rows, base", "observed", "rows, head", "observed"], rows)


def _per_day(days: Sequence[Day]) -> list[str]:
    shown = days[:: len(days) // MOST_ROWS + 1]
    labels = [re.sub(r"[^\w.:-]", "_", day.day)[-5:] for day in shown]
    chart = _chart("day", labels, "loss, head - base", [("bar", [day.difference for day in shown])])
    better = sum(day.difference < 0 for day in days)
    return [f"Below zero the head is better: on {better} of {len(days)} days.", "", *chart]


def _changed(changes: Changes) -> Iterator[str]:
    for title, rows in (("Params", changes.params), ("Schema", changes.schema), ("Data files", changes.data)):
        if rows:
            yield from _table(
                [title, "base", "head"], [[code(r.what), code(r.base), code(r.head)] for r in rows[:MOST_ROWS]]
            )
            yield ""
    if changes.drift:
        rows_ = [
            [code(d.column), plain(d.what), code(d.base), code(d.head), _mark(d.notable)]
            for d in changes.drift[:MOST_ROWS]
        ]
        yield from _table(["New rows", "", "base's rows", "new rows", ""], rows_)
        yield ""
    yield "Files: " + (", ".join(code(name) for name in changes.files[:MOST_ROWS]) or "none")


def _leakage(found: Comparison) -> list[str]:
    rows = [
        [code(row.input), "new input" if row.base is None else f"{row.base:.0%}", f"{row.head:.0%}"]
        for row in found.importance[:10]
    ]
    verdict = "; ".join(plain(reason) for reason in found.why) or "Nothing is too good to be true"
    shares = _table(["input", "base", "head"], rows)
    return [f"{verdict}. Share of the model's skill that is lost when an input is shuffled:", "", *shares]


def _provenance(found: Comparison) -> Iterator[str]:
    for name, side, word in (("Base", found.base, ""), ("Head", found.head, OWN_WORD)):
        yield f"- {name}: {code(side.commit)} {plain(side.subject)}{' with uncommitted changes' if side.dirty else ''}"
        files = [f"{code(file)} {code(md5[:7])}" for file, md5 in list(side.data.items())[:50]]
        yield f"  - data: {', '.join(files) or 'as base'}"
        yield f"  - libraries{word}: {_libraries(side)}"
    if found.basis:
        basis = found.basis
        yield f"- {basis.overlap:,} test rows were left out, as one side trained on them"
        yield f"- Released versions already judged on this test: {basis.released}"
    if found.metrics:
        same = "the same bytes" if found.reproducible else "**other bytes**"
        yield f"- The head's training, repeated{OWN_WORD}: {same}"


def _libraries(side: Side) -> str:
    return ", ".join(f"{plain(name)} {plain(number)}" for name, number in side.libraries.items()) or "as locked"


def _chart(x: str, labels: Sequence[str], y: str, series: Sequence[tuple[str, Sequence[float]]]) -> list[str]:
    ticks = ", ".join(f'"{label}"' for label in labels)
    lines = [f"    {kind} [{', '.join(f'{value:.4f}' for value in values)}]" for kind, values in series]
    return ["```mermaid", "xychart-beta", f'    x-axis "{x}" [{ticks}]', f'    y-axis "{y}"', *lines, "```"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _name(metric: str) -> str:
    return {"roc_auc": "ROC AUC", "r2": "R2", "mae": "MAE", "rmse": "RMSE", "macro_f1": "macro F1"}.get(
        metric, plain(metric.replace("_", " "))
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 100 else f"{value:,.4g}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}" if abs(value) < 100 else f"{value:+,.4g}"


def _cost(value: float) -> str:
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def _mark(broken: bool) -> str:
    return "**!**" if broken else ""
