import pytest

from mlops.watching.decision import decide
from mlops.watching.record import Finding, Performance, Window

WEEK = Window(model="v1.0.0", start="2026-06-01", end="2026-06-07", days=7, rows=700)
WORSE = Performance(loss=0.6, released=0.5, difference=0.1, low=0.02, high=0.18, windows=17, outcomes=700)
SAME = Performance(loss=0.5, released=0.5, difference=0.0, low=-0.08, high=0.08, windows=17, outcomes=700)


def finding(kind, column="heat", ratio=2.0):
    return Finding(kind=kind, column=column, size=ratio, level=1.0, text=f"{column}: {kind}" if ratio > 1 else "")


MILD, STRONG = finding("drift", ratio=1.2), finding("drift", ratio=2.0)


@pytest.mark.parametrize(
    ("findings", "performance", "action"),
    [
        ([], None, "none"),
        ([], SAME, "none"),
        ([finding("drift", ratio=0.9)], None, "none"),
        ([MILD], None, "investigate"),
        ([MILD], SAME, "none"),
        ([MILD], WORSE, "retrain"),
        ([STRONG], None, "retrain"),
        ([STRONG], SAME, "retrain"),
        ([], WORSE, "retrain"),
        ([finding("score", "score of 1", 1.2)], WORSE, "retrain"),
        ([finding("target", "late")], None, "retrain"),
        ([finding("missing")], None, "investigate"),
        ([finding("missing"), STRONG], WORSE, "investigate"),
        ([finding("silence", "rows")], None, "investigate"),
        ([finding("relation", "heat and dew", 2.0), finding("drift", ratio=0.4)], WORSE, "investigate"),
        ([finding("relation", "heat and dew", 1.1), STRONG], WORSE, "retrain"),
    ],
)
def test_findings_come_to_an_action(findings, performance, action):
    assert decide(WEEK, findings, performance, strong=1.5).action == action


@pytest.mark.parametrize("kind", ["missing", "range", "category", "gone", "frozen", "volume"])
def test_reasons_name_column_and_window(kind):
    reasons = decide(WEEK, [finding(kind)], None, 1.5).reasons
    assert reasons == [f"heat: {kind} (2026-06-01 to 2026-06-07)"]


def test_reasons_say_how_much_worse_with_its_interval():
    assert "difference +0.1000, between +0.0200 and +0.1800, 700 outcomes" in decide(WEEK, [], WORSE, 1.5).reasons[0]


def test_too_few_rows_are_said_to_be_so_but_silence_is_a_fault():
    few = "not enough data: 3 predictions"
    assert decide(WEEK, [], None, 1.5, few).reasons == [few]
    assert decide(WEEK, [finding("silence", "rows")], None, 1.5, few).action == "investigate"
