import numpy as np
import pytest

from mlops.judging import comparison, metrics
from mlops.judging.comparison import Difference, Evidence, Resamples

LOSS = metrics.by_task("regression")[0]
N_BLOCKS, ROWS = 20, 10


def evidence(base, head, block):
    """Predictions (n_trainings, n_rows) of a target that is zero: the loss of a row is its prediction squared."""
    n = base.shape[1]
    return Evidence("regression", np.zeros(n), base[..., None], head[..., None], np.asarray(block), {})


def interval(found, count=500, confidence=0.95):
    resamples = Resamples.draw(found.n_blocks, len(found.base), count)
    return comparison.difference(LOSS, found, resamples).interval(confidence)


def sides(seed, effect=0.0, by_block=0.0, by_training=0.0, trainings=3):
    """Losses of both sides; the head's differ by `effect`, and by random amounts a row, a block and a training."""
    random = np.random.default_rng(seed)
    n = N_BLOCKS * ROWS
    block = np.arange(n) // ROWS
    base = np.tile(5 + random.random(n), (trainings, 1))
    wobble = by_block * random.normal(size=N_BLOCKS)[block] + by_training * random.normal(size=(trainings, 1))
    head = base + effect + wobble + 0.1 * random.normal(size=(trainings, n))
    return np.sqrt(base), np.sqrt(head), block


def test_the_interval_of_identical_sides_is_zero():
    base, _, block = sides(0)
    assert interval(evidence(base, base.copy(), block)) == (0, 0)


@pytest.mark.parametrize(("effect", "sign"), [(0.5, 1), (-0.5, -1)])
def test_the_interval_of_a_big_difference_excludes_zero(effect, sign):
    low, high = interval(evidence(*sides(0, effect, by_block=0.1)))
    assert np.sign([low, high]).tolist() == [sign, sign]
    assert low < effect < high


def test_rows_that_move_together_give_a_wider_interval_than_independent_ones():
    base, head, block = sides(0, by_block=0.5)
    (low, high), (naive_low, naive_high) = (
        interval(evidence(base, head, blocks)) for blocks in (block, np.arange(len(block)))
    )
    assert high - low > 2 * (naive_high - naive_low)


def test_trainings_that_differ_give_a_wider_interval_than_their_mean():
    base, head, block = sides(0, by_training=0.5)
    low, high = interval(evidence(base, head, block))
    fixed_low, fixed_high = interval(evidence(base, np.sqrt((head**2).mean(axis=0))[None].repeat(3, axis=0), block))
    assert high - low > 5 * (fixed_high - fixed_low)


def test_the_same_evidence_gives_the_same_interval():
    assert interval(evidence(*sides(0, by_block=0.5))) == interval(evidence(*sides(0, by_block=0.5)))


@pytest.mark.parametrize("by_training", [0.0, 0.3])
def test_a_change_that_does_nothing_is_called_a_difference_one_time_in_twenty(by_training):
    trials = [interval(evidence(*sides(n, by_block=0.5, by_training=by_training)), 300) for n in range(200)]
    assert np.mean([low > 0 or high < 0 for low, high in trials]) < 0.1


def test_the_detectable_effect_is_seen_in_four_of_five_cases():
    found = [interval(evidence(*sides(n, by_block=0.5)), 300) for n in range(100)]
    effect = np.median([comparison.detectable(low, high, 0.95) for low, high in found])
    seen = [interval(evidence(*sides(n, effect, by_block=0.5)), 300)[0] > 0 for n in range(100, 200)]
    assert 0.65 < np.mean(seen) < 0.95


def test_with_a_single_training_blocks_alone_are_resampled():
    one = Resamples.draw(4, 1, 200)
    assert (one.trainings == 1).all()
    assert one.widening == pytest.approx(np.sqrt(4 / 3))


def test_an_estimate_holds_both_sides_and_their_difference():
    base, head, block = sides(0, effect=1.0)
    found = evidence(base, head, block)
    change = comparison.difference(LOSS, found, Resamples.draw(N_BLOCKS, 3, 200))
    row = comparison.estimate(LOSS, change, 0.95)
    assert (row.base, row.head) == pytest.approx(((base**2).mean(), (head**2).mean()))
    assert row.low < row.difference == row.head - row.base < row.high


def test_a_number_that_cannot_be_computed_is_none():
    change = Difference(np.nan, 1.0, np.array([0.5, 1.5]), 1.0)
    row = comparison.estimate(LOSS, change, 0.95)
    assert (row.base, row.head, row.difference, row.low) == (None, 1.0, None, None)


@pytest.mark.parametrize(
    ("days", "length", "blocks"),
    [([5, 5, 6, 7, 8], 3, [0, 0, 0, 0, 1]), ([5, 6, 30], 1, [0, 1, 2]), ([30, 5, 29], 3, [1, 0, 1])],
)
def test_consecutive_days_are_one_block_and_days_without_rows_are_none(days, length, blocks):
    assert comparison.blocks_of_days(np.array(days), length).tolist() == blocks


@pytest.mark.parametrize(("rows", "blocks"), [(3, 3), (500, 500), (1200, 500)])
def test_without_a_time_every_row_is_a_block_up_to_five_hundred(rows, blocks):
    found = comparison.blocks_of_rows(rows)
    assert (len(found), len(np.unique(found))) == (rows, blocks)
