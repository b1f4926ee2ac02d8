from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from mlops.watching.labelled import Labelled
from mlops.watching.proposal import MOST_CHARACTERS, Proposal
from mlops.watching.record import Day, Decision, Monitor, Window
from tests.mlops.judging.test_report import FOUND

TAKEN = Labelled(pd.DataFrame(index=range(1234)), [date(2026, 6, 1), date(2026, 6, 30)], [])
WINDOW = Window(model="v1.0.0", start="2026-06-01", end="2026-06-30", days=30, rows=1300)


def seen(reason="`heat` moved", days=0):
    listed = [Day(day=f"day {i}", rows=10, outcomes=10, loss=0.5, low=0.4, high=0.6) for i in range(days)]
    decision = Decision(action="retrain", reasons=[reason])
    return Monitor(version=1, decision=decision, owner="@ann", window=WINDOW, days=listed)


PROPOSAL = Proposal(TAKEN, "data/x.parquet", seen(), FOUND)


def test_it_says_what_is_added_what_it_gains_why_and_the_whole_report():
    body = PROPOSAL.body
    assert PROPOSAL.title == "Retrain with production's rows of 2026-06-01 to 2026-06-30"
    assert body.startswith("Adds 1,234 rows of 2026-06-01 to 2026-06-30")
    gain = (
        "**Expected gain**: log loss 0.537 -> 0.529 (-0.008, 95% between -0.016 and -0.001), on 27,075 rows, 2013-05-01"
    )
    order = [gain, "### Retrain", "`heat` moved", "**Accepted.**", "<summary>Slices", "<summary>Provenance"]
    places = [body.find(text) for text in order]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("waits", [True, False])
def test_it_says_whether_somebody_must_click(waits):
    assert ("Approve and run" in replace(PROPOSAL, waits=waits).body) == waits


def test_an_experiment_that_failed_is_told_in_its_place():
    body = replace(PROPOSAL, compared="head: column 'hour' is missing").body
    assert "## The experiment failed\n\nhead: column 'hour' is missing" in body
    assert "Expected gain" not in body


def test_what_was_left_out_is_listed_up_to_a_limit():
    taken = Labelled(TAKEN.rows, TAKEN.days, [f"day {i}" for i in range(30)])
    assert "- day 9\n- and 20 more" in replace(PROPOSAL, taken=taken).body


def test_values_that_production_was_sent_act_on_nobody():
    hostile = "unseen: <img src=x> @team ![x](https://evil.example/x.png)"
    body = replace(PROPOSAL, seen=seen(hostile), reason=hostile).body
    assert [text for text in ("<img", "@team", "](https", "https://evil") if text in body] == []


def test_it_never_grows_longer_than_github_takes():
    body = replace(PROPOSAL, seen=seen(days=3000)).body
    assert len(body) <= MOST_CHARACTERS
    assert "... cut here" in body
    assert "<summary>Provenance" in body
