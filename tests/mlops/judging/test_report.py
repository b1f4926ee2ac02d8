import re

import msgspec
import pytest

from mlops.judging import gate, report
from mlops.judging.record import (
    Basis,
    Bin,
    Change,
    Changes,
    Comparison,
    Day,
    Decision,
    Drift,
    Estimate,
    Facts,
    Importance,
    Ratio,
    Side,
    Slice,
)

BASE = Side(commit="1a2b3c4" + "0" * 33, subject="base")
HEAD = Side(commit="f" * 40, subject="head", data={"a.csv": "9" * 32}, libraries={"onnx": "1.2"})
LOSS = Estimate(
    name="log_loss", lower_is_better=True, base=0.537, head=0.529, difference=-0.008, low=-0.016, high=-0.001
)
BASIS = Basis(
    task="binary", target="late", trainings=5, sample_rows=20_000, sample_share=0.125, test_rows=27_075, overlap=12,
    period="2013-05-01 to 2013-05-31", blocks=11, block="3 days", confidence=0.95, detectable=0.01, released=1,
)  # fmt: skip


def part(column="carrier", value="HA", broken=False, p=0.4):
    return Slice(
        column=column, value=value, rows=31, base=0.5, head=0.6, difference=0.1, low=-0.1, high=0.3, p=p, broken=broken
    )


def drift(column="dewp", what="missing", base="0.1%", head="4.0%", notable=True):
    return Drift(column=column, what=what, base=base, head=head, notable=notable)


FOUND = Comparison(
    version=1,
    verdict="better",
    decision=gate.decide("better", [], []),
    base=BASE,
    head=HEAD,
    changes=Changes(files=["src/problem/model.py (+1 -1)"], drift=[drift()]),
    basis=BASIS,
    metrics=[LOSS],
    slices=[part()],
    base_bins=[Bin(rows=9, predicted=0.12, observed=0.1)],
    head_bins=[Bin(rows=9, predicted=0.14, observed=0.2)],
    days=[Day(day="2013-05-01", rows=9, difference=-0.1), Day(day="2013-05-04", rows=9, difference=0.1)],
    footprint=[Ratio(name="size", unit="kB", base=10, head=12, limit=3, broken=False)],
    importance=[Importance(input="hour", base=0.5, head=0.6)],
)
EVIL = (
    "a|b `c` <img src=x> @org/team #12 **bold** [t](http://evil.example) www.evil.example ~~s~~ </details>"
    "\n\n# Big\n---\n> q\n```\n"
)


def with_text(text):
    """A comparison in which every text that may come from someone else is `text`."""
    change = Change(what=text, base=text, head=text)
    side = Side(commit="e" * 40, subject=text, data={text: text}, libraries={text: text})
    return Comparison(
        version=1, verdict="better", decision=Decision(accepted=True, reasons=[text, text]), base=side, head=side,
        changes=Changes(
            flagged=[text], files=[text], params=[change], schema=[change], data=[change],
            drift=[drift(text, text, text, text)],
        ),
        why=[text],
        basis=msgspec.structs.replace(BASIS, target=text, period=text, block=text),
        metrics=[msgspec.structs.replace(LOSS, name=text)], slices=[part(text, text)],
        base_bins=FOUND.base_bins, head_bins=FOUND.head_bins, days=[Day(day=text, rows=1, difference=1)],
        footprint=[Ratio(name=text, unit=text, base=1, head=1, limit=1, broken=False)],
        importance=[Importance(input=text, base=None, head=1)],
    )  # fmt: skip


def outside_code(text):
    return re.sub(r"(?<!\\)`[^`\n]*`", "", text)


def test_the_first_five_lines_are_verdict_decision_what_to_look_at_basis_and_how_to_repeat():
    lines = [line.rstrip() for line in report.render(FOUND).splitlines() if line.strip()]
    assert lines[:5] == [
        "### Better: log loss 0.537 -> 0.529 (-0.008, 95% between -0.016 and -0.001)",
        "**Accepted.** The loss is lower, and the interval excludes zero; no guard broken. "
        "Worst slice: carrier `HA` (31 rows), +0.100, no measurable change.",
        "Look at: `dewp`: missing 4.0% in the new rows (0.1% before).",
        "Sample of 20,000 rows (12.5 %), 5 trainings a side; tested on 27,075 rows, 2013-05-01 to 2013-05-31, "
        "in 11 blocks of 3 days.",
        "Again on your machine: `nox -s experiment -- --base 1a2b3c4`",
    ]


def test_a_change_of_what_judges_comes_before_anything_else():
    flagged = msgspec.structs.replace(FOUND, changes=Changes(flagged=["dvc.yaml", "params.yaml: judge.block"]))
    first = report.render(flagged).splitlines()[0]
    assert first.startswith("> **Look at this first")
    assert "`dvc.yaml`, `params.yaml: judge.block`" in first
    assert "Look at this first" not in report.render(FOUND)


@pytest.mark.parametrize(
    ("changes", "look"),
    [
        ({"slices": [part(broken=True)]}, "slice carrier `HA`: 0.500 -> 0.600."),
        ({"why": ["the loss falls by 60%"]}, "the loss falls by 60%."),
        ({}, "`dewp`: missing 4.0% in the new rows (0.1% before)."),
        ({"changes": Changes(drift=[drift(notable=False)])}, "nothing stands out."),
        (
            {"changes": Changes(), "footprint": [Ratio(name="size", unit="kB", base=1, head=2, limit=3, broken=False)]},
            "size grows 2.0 times (3 allowed).",
        ),
        ({"changes": Changes(), "verdict": "inconclusive"}, "an effect smaller than 0.010 would not have been seen."),
        (
            {"changes": Changes(), "basis": msgspec.structs.replace(BASIS, released=9)},
            "9 releases were judged on this test already; its verdicts wear out.",
        ),
    ],
)
def test_the_one_thing_to_look_at_is_the_gravest(changes, look):
    assert f"Look at: {look}" in report.render(msgspec.structs.replace(FOUND, **changes))


def test_every_section_is_there_and_folded():
    text = report.render(FOUND)
    assert re.findall(r"<summary>(.*)</summary>", text) == [
        "Metrics", "Slices (1)", "Calibration", "Difference day by day", "What changed", "Footprint", "Leakage check",
        "Provenance",
    ]  # fmt: skip
    assert text.count("<details>") == text.count("</details>") == 8
    assert "12 test rows were left out" in text


@pytest.mark.parametrize(
    ("verdict", "why", "title", "decision"),
    [
        ("unchanged", [], "### Unchanged: no byte that reaches the model changed", "**Accepted.**"),
        ("incomparable", ["the task changed"], "### Incomparable: the two sides cannot be compared", "**Refused.**"),
    ],
)
def test_a_report_without_training_says_why_and_what_changed(verdict, why, title, decision):
    facts = Facts(base=BASE, head=HEAD, changes=FOUND.changes)
    text = report.render(gate.without_training(verdict, facts, why))
    assert text.startswith(title)
    assert decision in text
    assert all(reason in text for reason in why)
    assert re.findall(r"<summary>(.*)</summary>", text) == ["What changed", "Provenance"]


def test_a_report_of_a_thousand_slices_with_long_names_stays_below_the_limit():
    slices = [part("c" * 500, f"{n}" + "&" * 96) for n in range(1000)]
    changes = Changes(files=["f" * 500] * 500, params=[Change(what="&" * 500, base="|" * 500, head="`" * 500)] * 200)
    text = report.render(msgspec.structs.replace(FOUND, slices=slices, changes=changes))
    assert len(text) <= 60_000
    assert "960 more in comparison.json" in text


def test_a_report_of_very_many_broken_slices_stays_below_the_limit():
    slices = [part("*" * 500, "&" * 100, broken=True)] * 1000
    decision = gate.decide("worse", [], gate.broken_guards([], slices, [], True, 0.02))
    text = report.render(msgspec.structs.replace(FOUND, verdict="worse", decision=decision, slices=slices))
    assert len(text) <= 60_000
    assert "**Refused.**" in text


def test_sections_that_do_not_fit_are_named():
    slices = [part("|" * 100, "|" * 99 + str(n)) for n in range(1000)]
    changes = Changes(**{name: [Change(what="|" * 500, base="|" * 500, head="|" * 500)] * 200
                         for name in ("params", "schema", "data")})  # fmt: skip
    text = report.render(msgspec.structs.replace(FOUND, slices=slices, changes=changes))
    assert len(text) <= 60_000
    assert "Too long for a comment, see comparison.json: What changed." in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("`c`", r"\`c\`"),
        ("<img>", "&lt;img&gt;"),
        ("&lt;", "&amp;lt;"),
        ("**b** _i_ ~~s~~", r"\*\*b\*\* \_i\_ \~\~s\~\~"),
        ("[t](u) ![i](u)", r"\[t\]\(u\) \!\[i\]\(u\)"),
        ("a\n\n# b\r\n---", "a #\u200b b ---"),
        ("@org #12 a@b.c", "@\u200borg #\u200b12 a@\u200bb.c"),
        ("http://x www.x", "http:\u200b//x www\u200b.x"),
        ("\\", "\\\\"),
        ("plain, text: 1.5 %", "plain, text: 1.5 %"),
        ("1.5 % - of", "1.5 % - of"),
        ("-0.1", "-0.1"),
        ("---", r"\---"),
        ("- item", r"\- item"),
        ("=", r"\="),
        ("1. item", r"1\. item"),
        ("a\u202eb\u200bc\x07", "a b c"),
    ],
)
def test_text_from_data_is_shown_as_it_is(text, escaped):
    assert report.plain(text) == escaped


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a|b", "`a\\|b`"),
        ("`x``y", "`'x''y`"),
        ("a\n\nb", "`a b`"),
        ("", ""),
        ("x" * 999, f"`{'x' * 100}`"),
        ("gnp.\u202eyp\x1b[0m", "`gnp. yp [0m`"),
    ],
)
def test_names_from_data_stay_in_their_code_span(text, span):
    assert report.code(text) == span


@pytest.mark.parametrize(
    "live", ["<img", "@org", "#12", "**bold", "[t]", "http://", "www.e", "~~s", "\n# B", "\n---\n", "\n> q", "q ```"]
)
def test_no_text_of_a_comparison_becomes_markup_mention_reference_or_link(live):
    assert live not in outside_code(report.render(with_text(EVIL)))


def test_no_text_of_a_comparison_leaves_its_section():
    text = outside_code(report.render(with_text(EVIL)))
    assert text.count("<details>") == text.count("</details>") == text.count("</summary>") == 8


def test_no_text_of_a_comparison_breaks_a_table():
    columns = 0
    for line in report.render(with_text(EVIL)).splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        columns = (columns or bars) if bars else 0
        assert bars == columns, line


@pytest.mark.parametrize("label", ['x"]\n```\n# out', "%%{init: {}}%%", "<b>", "a;b"])
def test_a_label_of_a_chart_cannot_leave_it(label):
    text = report.render(msgspec.structs.replace(FOUND, days=[Day(day=label, rows=1, difference=0.5)]))
    axis = next(line for line in text.splitlines() if 'x-axis "day"' in line)
    assert re.fullmatch(r'    x-axis "day" \["[\w.:-]{1,5}"\]', axis)
