import pytest

from mlops.judging import gate
from mlops.judging.record import VERSION, Changes, Comparison, Estimate, Facts, Ratio, Side, Slice


def estimate(low, high, name="log_loss"):
    return Estimate(name=name, lower_is_better=True, base=0.05, head=0.1, difference=0.05, low=low, high=high)


@pytest.mark.parametrize(
    ("low", "high", "why", "verdict"),
    [
        (-0.2, -0.1, [], "better"),
        (-0.2, 0.0, [], "inconclusive"),
        (-0.1, 0.1, [], "inconclusive"),
        (0.0, 0.0, [], "inconclusive"),
        (None, None, [], "suspicious"),
        (0.1, 0.2, [], "worse"),
        (-0.2, -0.1, ["'x' alone carries 95%"], "suspicious"),
    ],
)
def test_the_verdict_is_what_the_interval_says_unless_it_is_too_good_to_be_true(low, high, why, verdict):
    assert gate.verdict(estimate(low, high), why) == verdict


@pytest.mark.parametrize(
    ("verdict", "labelled", "accepted"),
    [
        ("better", False, True),
        ("inconclusive", False, True),
        ("unchanged", False, True),
        ("worse", False, False),
        ("worse", True, False),
        ("suspicious", True, False),
        ("incomparable", False, False),
        ("incomparable", True, True),
    ],
)
def test_what_a_verdict_means_for_a_pull_request(verdict, labelled, accepted):
    decision = gate.decide(verdict, ["because"], [], labelled)
    assert (decision.accepted, decision.reasons[1:]) == (accepted, ["because"])


def test_a_broken_guard_refuses_what_the_verdict_would_accept():
    decision = gate.decide("better", [], ["size is 9.0 times the base's (3 allowed)"])
    assert not decision.accepted
    assert "9.0 times" in decision.reasons[1]


def part(broken):
    return Slice(
        column="carrier", value="HA", rows=1234, base=0.4, head=0.5, difference=0.1, low=0.05, high=0.2, p=0.001,
        broken=broken,
    )  # fmt: skip


def cost(broken):
    return Ratio(name="size", unit="kB", base=10, head=45, limit=3, broken=broken)


@pytest.mark.parametrize(
    ("metrics", "slices", "footprint", "reproducible", "broken"),
    [
        ([estimate(0.01, 0.2, "calibration_error")], [part(False)], [cost(False)], True, []),
        ([estimate(0.03, 0.2)], [], [], True, []),  # the loss has its verdict
        (
            [estimate(0.03, 0.2, "calibration_error")], [], [], True,
            ["calibration_error grows from 0.050 to 0.100, by more than 0.02 for sure"],
        ),
        ([estimate(0.03, 0.2, "bias")], [], [], True, ["bias grows from 0.050 to 0.100, by more than 0.02 for sure"]),
        ([], [part(True)], [], True, ["worse in slice carrier HA (1,234 rows): loss 0.400 -> 0.500"]),
        ([], [], [cost(True)], True, ["size is 4.5 times the base's (3 allowed)"]),
        (
            [], [], [], False,
            ["training isn't reproducible: the same rows and seed gave two different models; set every random_state "
             "in src/problem/model.py from `seed`"],
        ),
    ],
)  # fmt: skip
def test_every_guard_that_does_not_hold_is_named_with_its_numbers(metrics, slices, footprint, reproducible, broken):
    assert gate.broken_guards(metrics, slices, footprint, reproducible, 0.02) == broken


def test_without_training_there_are_sides_changes_and_a_decision_only():
    facts = Facts(base=Side(commit="a" * 40), head=Side(commit="b" * 40), changes=Changes(files=["README.md"]))
    found = gate.without_training("unchanged", facts, [])
    assert (found.decision.accepted, found.basis, found.metrics) == (True, None, [])
    assert found.changes.files == ["README.md"]


def merged(low, high, verdict, *broken, metrics=True):
    """What a candidate came to; its champion's loss is 0.05."""
    sides = {name: Side(commit=name[0] * 40) for name in ("base", "head")}
    loss = [estimate(low, high)] if metrics else []
    decision = gate.decide(verdict, [], list(broken))
    return Comparison(version=VERSION, verdict=verdict, decision=decision, changes=Changes(), metrics=loss, **sides)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "says"),
    [
        (-0.2, -0.1, "better", "the loss is lower"),
        (-0.1, 0.1, "inconclusive", "no difference that this test could see"),
        (0.0005, 0.1, "worse", "worse by less than the margin allows"),
    ],
)
def test_after_the_merge_a_candidate_may_be_worse_by_the_margin(low, high, verdict, says):
    decision = gate.after_merge(merged(low, high, verdict), 0.01)
    assert decision.accepted
    assert decision.reasons[0].startswith(says)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (merged(0.0006, 0.1, "worse"), "worse than the champion for sure by more than deploy.margin = 1.0% of its"),
        (merged(-0.2, -0.1, "better", "size is 9.0 times"), "the loss is lower"),
        (merged(-0.2, -0.1, "suspicious"), "too good to be true"),
        (merged(None, None, "suspicious"), "too good to be true"),
    ],
    ids=["margin", "guard", "suspicious", "no interval"],
)
def test_after_the_merge_a_candidate_is_refused_for_the_same_guards_and_more_than_the_margin(found, says):
    decision = gate.after_merge(found, 0.01)
    assert not decision.accepted
    assert decision.reasons[0].startswith(says)


def test_after_the_merge_an_incomparable_candidate_goes_on_as_a_person_must_approve_it():
    found = merged(None, None, "incomparable", metrics=False)
    assert not found.decision.accepted
    decision = gate.after_merge(found, 0.01)
    assert (decision.accepted, decision.reasons) == (True, ["a new major version, which a person must approve"])
