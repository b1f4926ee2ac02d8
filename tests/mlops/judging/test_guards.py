import msgspec
import numpy as np
import pytest

from mlops.judging import guards
from mlops.judging.comparison import Evidence, Resamples
from mlops.judging.record import Importance, Slice


def by_slice(effects, rows=100, blocks=20, seed=0):
    """Slices of `rows` rows each, in `blocks` blocks; the head's loss (about 1) is higher by each slice's effect."""
    random = np.random.default_rng(seed)
    names = np.repeat(np.array(list(effects), dtype=object), rows)
    block = np.tile(np.arange(rows) % blocks, len(effects))
    base = np.tile(1 + 0.1 * random.random(len(names)), (3, 1))
    head = base + np.repeat(list(effects.values()), rows) + 0.05 * random.normal(size=base.shape)
    root = np.sqrt(np.stack([base, head]))[..., None]
    found = Evidence("regression", np.zeros(len(names)), root[0], root[1], block, {"origin": names})
    return found, Resamples.draw(blocks, 3, 300)


def test_a_slice_that_got_worse_is_broken_although_the_others_improved(limits):
    worst, *others = guards.slices(*by_slice({"EWR": -0.2, "JFK": 0.2, "LGA": -0.1}), limits)
    assert (worst.value, worst.broken, worst.rows) == ("JFK", True, 100)
    assert worst.low < 0.2 < worst.high
    assert [(row.value, row.broken) for row in others] == [("LGA", False), ("EWR", False)]


@pytest.mark.parametrize(("margin", "broken"), [(0.02, True), (0.2, False)])
def test_a_slice_may_be_worse_by_the_margin(limits, margin, broken):
    found = guards.slices(*by_slice({"JFK": 0.1}), msgspec.structs.replace(limits, slice_margin=margin))
    assert [row.broken for row in found] == [broken]


@pytest.mark.parametrize(("rows", "blocks"), [(19, 10), (100, 4), (19, 1)])
def test_a_slice_of_few_rows_or_blocks_is_shown_but_not_judged(limits, rows, blocks):
    (found,) = guards.slices(*by_slice({"HA": 0.5}, rows, blocks), limits)
    assert (found.p, found.broken, found.rows) == (None, False, rows)
    assert (found.low is None) == (blocks == 1)


def test_identical_sides_break_no_slice(limits):
    found, resamples = by_slice({"EWR": 0.3, "JFK": 0.1})
    same = Evidence(found.task, found.target, found.base, found.base, found.block, found.slices)
    assert {(row.difference, row.low, row.high, row.broken) for row in guards.slices(same, resamples, limits)} == {
        (0, 0, 0, False)
    }


def test_of_many_slices_that_did_not_change_one_is_broken_in_at_most_one_comparison_of_twenty(limits):
    strict = msgspec.structs.replace(limits, slice_margin=0)
    comparisons = [guards.slices(*by_slice(dict.fromkeys("abcdefgh", 0), seed=n), strict) for n in range(100)]
    assert np.mean([any(row.broken for row in found) for found in comparisons]) <= 0.1


@pytest.mark.parametrize(
    ("ps", "broken"),
    [
        ([0.01, 0.04, 0.03, 0.005], [True, False, False, True]),  # 0.005 <= .05/4, 0.01 <= .05/3, 0.03 > .05/2
        ([0.01, 0.02, 0.03, 0.005], [True, True, True, True]),  # ... and 0.02 <= .05/2, 0.03 <= .05/1
        ([0.013, 0.02, 0.03, 0.02], [False, False, False, False]),  # 0.013 > .05/4: nothing after it counts
        ([None, 0.04, None], [False, True, False]),  # slices that aren't judged don't raise the bar
    ],
)
def test_holms_procedure_keeps_the_level_over_all_slices(ps, broken):
    rows = [
        Slice(column="c", value=str(p), rows=9, base=1, head=1, difference=0, low=0, high=0, p=p, broken=False)
        for p in ps
    ]
    assert [row.broken for row in guards._holm(rows, 0.05)] == broken


def test_an_input_is_as_important_as_the_loss_that_shuffling_it_costs(side, flights, schema):
    model = side("head", flights(400, 1), schema("wind", "rain"), trainings=1).models[0]
    test = flights(400, 2)
    found = guards.importance(model, test, test["late"].to_numpy())
    assert sum(found.values()) == pytest.approx(1)
    assert 0.3 < found["wind"] < 0.7
    assert guards.importance(model, test, test["late"].to_numpy()) == found


def test_importances_are_ranked_and_new_inputs_have_no_share_before():
    found = guards.compare_importance({"x": 0.9, "gone": 0.1}, {"x": 0.3, "new": 0.7})
    assert found == [Importance(input="new", base=None, head=0.7), Importance(input="x", base=0.9, head=0.3)]


@pytest.mark.parametrize(
    ("gain", "better", "before", "share", "why"),
    [
        (0.1, True, None, 0.95, ["'x' alone carries 95% of the model's skill and is a new input"]),
        (0.1, True, 0.4, 0.95, ["'x' alone carries 95% of the model's skill (40% before)"]),
        (0.6, True, 0.5, 0.5, ["the loss falls by 60%, more than judge.max_gain = 50% calls plausible"]),
        (0.1, True, 0.95, 0.96, []),  # carried the base's model just as much
        (0.1, True, None, 0.9, []),
        (0.5, True, None, 0.5, []),
        (0.6, False, None, 0.95, []),
    ],
)
def test_a_better_model_is_suspicious_if_one_new_input_carries_it_or_the_gain_is_implausible(
    limits, gain, better, before, share, why
):
    assert guards.suspicions(gain, better, [Importance(input="x", base=before, head=share)], limits) == why
