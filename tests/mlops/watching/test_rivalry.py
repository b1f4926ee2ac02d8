"""Champion against challenger: the verdict on losses by day, and which rows of a real store it counts."""

import html
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import jsonschema
import numpy as np
import pytest

from mlops import params
from mlops.challenge import Challenge
from mlops.store import Outcome, Prediction, Store
from mlops.watching import check, page, rivalry, summary
from mlops.watching.performance import Losses
from mlops.watching.rivalry import Rival, judge
from tests.conftest import ROOT
from tests.mlops.watching.conftest import LIMITS, weather

JUDGE = params.load(ROOT).judge
SHADOW = Rival(Challenge(version="v1.1.0"), JUDGE, 100)
SPLIT = Rival(Challenge(version="v1.1.0", mode="split", share=0.1), JUDGE, 100)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
LAST = date(2026, 6, 30)


def losses(means, rows=100, first=0):
    """Days with these mean losses and numbers of rows."""
    rows = np.broadcast_to(rows, len(means)).astype(np.int64)
    return Losses(np.arange(first, first + len(means)), rows, np.array(means) * rows, np.zeros(len(means)))


def days(seed, number=30, spread=0.05):
    return 0.5 + spread * np.random.default_rng(seed).normal(size=number)


@pytest.mark.parametrize(("effect", "verdict"), [(-0.03, "better"), (0.0, "inconclusive"), (0.03, "worse")])
def test_verdict_is_what_the_interval_says(effect, verdict):
    champion, noise = days(1), 0.01 * np.random.default_rng(2).normal(size=30)
    found = judge(losses(champion), losses(champion + effect + noise), "binary", SHADOW)
    assert (found.verdict, found.rows, found.blocks) == (verdict, 3000, 10)
    assert found.difference == pytest.approx(effect + noise.mean())
    assert found.challenger - found.champion == pytest.approx(found.difference)
    assert found.low < found.difference < found.high


def test_on_the_same_rows_the_difference_is_the_mean_of_the_paired_ones():
    """However unequal the days are, and however much they differ."""
    champion, rows = days(1, spread=0.2), np.arange(10, 310, 10)
    found = judge(losses(champion, rows), losses(champion - 0.01 * (rows > 150), rows), "binary", SHADOW)
    assert found.champion == pytest.approx(np.average(champion, weights=rows))
    assert found.difference == pytest.approx(-0.01 * rows[rows > 150].sum() / rows.sum())
    assert found.high - found.low < 0.02


@pytest.mark.parametrize("rival", [SHADOW, SPLIT])
def test_a_share_that_changes_between_good_and_bad_days_is_no_difference(rival):
    """The plain means of both differ by 0.095 here."""
    mood = np.repeat([0.3, 0.5], 15)
    champion, challenger = losses(mood, np.repeat([900, 500], 15)), losses(mood, np.repeat([100, 500], 15))
    assert challenger.mean - champion.mean > 0.09
    found = judge(champion, challenger, "binary", rival)
    assert found.difference == pytest.approx(0)
    assert found.verdict == "inconclusive"


def test_days_of_which_one_side_has_nothing_count_for_nothing():
    champion, challenger = losses([0.5] * 20 + [9.0] * 10), losses([9.0] * 10 + [0.4, 0.3] * 10, first=-10)
    found = judge(champion, challenger, "binary", SHADOW)
    assert (found.rows, found.champion, found.challenger) == (2000, 0.5, pytest.approx(0.35))


@pytest.mark.parametrize(
    ("champion", "challenger"),
    [
        (losses(days(1)), losses(days(1), rows=3)),
        (losses(days(1), rows=3), losses(days(1))),
        (losses(days(1, number=12)), losses(days(1, number=12))),
        (losses(days(1)), losses(days(1), first=30)),
        (Losses.none(), losses(days(1))),
        (losses(days(1)), Losses.none()),
    ],
    ids=["few rows", "few of the champion", "few blocks", "other days", "no champion", "nothing"],
)
def test_too_little_is_said_to_be_too_little(champion, challenger):
    found = judge(champion, challenger, "binary", SHADOW)
    assert (found.verdict, found.difference, found.champion) == ("inconclusive", None, None)
    assert f"not enough to compare, {found.rows} outcomes in {found.blocks} blocks" in summary.rival(found)


@pytest.mark.parametrize("share", [None, 0.1])
def test_two_models_that_are_alike_are_seldom_told_apart(share):
    """400 draws of 30 days whose differences depend on the day before; 95 % intervals."""
    random, told = np.random.default_rng(1), 0
    for _ in range(400):
        mood, drift = (np.convolve(random.normal(size=33), 0.4 ** np.arange(4))[3:33] for _ in range(2))
        rows = np.full(30, 800) if share is None else random.binomial(800, share, 30)
        noise = random.normal(size=(2, 30)) * 0.1 / np.sqrt(rows)
        champion, challenger = 0.5 + 0.05 * mood + noise[0], 0.5 + 0.05 * mood + 0.02 * drift + noise[1]
        told += judge(losses(champion, 800), losses(challenger, rows), "binary", SPLIT).verdict != "inconclusive"
    assert told / 400 < 0.12


@pytest.fixture
def store(tmp_path):
    return Store.connect(f"sqlite:///{tmp_path}/store.db")


@pytest.fixture
def fill(store):
    """Predictions that give what came true this probability, under the ids of the rows."""

    def put(rows, right, role="production", version="v1.0.0", outcomes=True):
        predictions = []
        for i, at, late in zip(rows.index, rows["at"], rows["late"], strict=True):
            output = {"probabilities": {str(late): right, str(1 - late): 1 - right}}
            predictions.append(
                Prediction(id=f"p{i}", role=role, version=version, at=NOW - timedelta(hours=1),
                           event_time=at.to_pydatetime(), row={}, output=output)
            )  # fmt: skip
        known = [Outcome(id=f"p{i}", at=NOW, value=int(late)) for i, late in rows["late"].items()]
        store.add(predictions, known if outcomes else [])

    return put


@pytest.fixture
def month():
    return weather("2026-06-01", 30, seed=3)


def loss(right):
    return pytest.approx(-np.log(right))


def test_in_shadow_rows_that_both_predicted_count_and_no_others(fill, store, base, month):
    fill(month, 0.6)
    fill(month.iloc[::2], 0.7, "challenger", "v1.1.0")
    fill(month.iloc[1:500:2], 0.01, "challenger", "v0.9.0")  # an earlier challenger
    found = rivalry.compare(store, base.info, "v1.0.0", SHADOW, LAST)
    assert (found.rows, found.blocks, found.champion, found.challenger) == (1500, 10, loss(0.6), loss(0.7))
    assert found.verdict == "better"
    assert rivalry.compare(store, base.info, "v1.0.0", SPLIT, LAST).rows == 0


def test_in_split_rows_that_one_alone_answered_count_while_the_challenger_did(fill, store, base, month):
    theirs = month.index % 10 == 0
    during = month.index >= 300
    fill(month[~during], 0.1)  # from before, other days
    fill(month[during & ~theirs], 0.6)
    fill(month[during & theirs], 0.5, "challenger", "v1.1.0")
    fill(month[2000:2400], 0.01, "challenger", "v1.1.0")  # of a time in shadow
    found = rivalry.compare(store, base.info, "v1.0.0", SPLIT, LAST)
    assert (found.champion, found.challenger, found.verdict) == (loss(0.6), loss(0.5), "worse")
    assert found.rows == 270 - 40


def test_what_another_champion_answered_or_has_no_outcome_yet_or_is_of_an_open_day_does_not_count(
    fill, store, base, month
):
    fill(month[:1000], 0.1, version="v0.9.0")
    fill(month[1000:2800], 0.6)
    fill(month[2800:], 0.6, outcomes=False)
    fill(month, 0.7, "challenger", "v1.1.0", outcomes=False)
    assert rivalry.compare(store, base.info, "v1.0.0", SHADOW, LAST).rows == 1800
    assert rivalry.compare(store, base.info, "v1.0.0", SHADOW, date(2026, 6, 20)).rows == 1000
    assert rivalry.until_now(store, base.info, "v1.0.0", SHADOW, NOW).rows == 1800
    assert rivalry.until_now(store, base.info, "v1.0.0", SHADOW, NOW - timedelta(days=10)).rows == 1000


def test_without_a_row_of_the_challenger_there_is_nothing_to_compare(fill, store, base, month):
    assert rivalry.until_now(store, base.info, "v1.0.0", SHADOW, NOW).rows == 0
    fill(month, 0.6)
    assert rivalry.compare(store, base.info, "v1.0.0", SHADOW, LAST).blocks == 0


def test_the_check_of_production_tells_how_the_challenger_does(fill, store, base, month, tmp_path):
    fill(month, 0.6)
    fill(month, 0.7, "challenger", "v1.1.0")
    asked = check.Question(LIMITS, "@owner", NOW, rival=SHADOW)
    found = check.run(store, lambda _: base, asked, tmp_path)
    written = json.loads((tmp_path / "monitor.json").read_bytes())
    jsonschema.validate(written, json.loads((ROOT / "src/mlops/watching/monitor.schema.json").read_bytes()))
    assert (written["challenger"]["verdict"], written["challenger"]["mode"]) == ("better", "shadow")
    said = "Challenger v1.1.0 in shadow: better, loss 0.5108 -> 0.3567 (-0.1542, between -0.1542 and -0.1542), "
    assert said + "3000 outcomes in 10 blocks of days." in (tmp_path / "summary.md").read_text()
    assert said in html.unescape((tmp_path / "page.html").read_text())
    alone = check.run(store, lambda _: base, replace(asked, rival=None), tmp_path)
    assert (alone.challenger, alone.decision) == (None, found.decision)
    assert "Challenger" not in summary.render(alone) + page.render(alone)


def test_a_challenger_that_is_the_champion_by_now_is_not_compared_with_itself(fill, store, base, month, tmp_path):
    fill(month, 0.6, version="v1.1.0")
    assert (
        check.run(store, lambda _: base, check.Question(LIMITS, "@o", NOW, rival=SHADOW), tmp_path).challenger is None
    )
