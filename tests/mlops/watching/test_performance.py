import numpy as np
import pytest

from mlops.watching import baseline, performance
from mlops.watching.performance import Losses, compare
from tests.mlops.watching.conftest import weather


def losses(means, rows=100, spread=0.1, seed=0):
    """Days with these mean losses."""
    random = np.random.default_rng(seed)
    each = np.array(means)[:, None] + spread * random.normal(size=(len(means), rows))
    return Losses(np.arange(len(means)), np.full(len(means), rows), each.sum(1), (each**2).sum(1))


PAST = losses(0.4 + 0.04 * np.sin(np.arange(120) / 2))
TEST = losses(0.5 + 0.05 * np.sin(np.arange(30)))


def test_the_same_loss_is_not_worse():
    found = compare(losses([0.48, 0.53, 0.5, 0.49, 0.52, 0.5, 0.49]), TEST, PAST, 0.95)
    assert found.low < found.difference < found.high
    assert not found.worse


def test_a_larger_loss_is_worse_and_a_smaller_one_is_not():
    assert compare(losses([0.7] * 7), TEST, PAST, 0.95).worse
    assert not compare(losses([0.3] * 7), TEST, PAST, 0.95).worse


def test_where_weeks_differ_by_nature_a_large_difference_is_ordinary():
    restless = losses(0.4 + 0.2 * np.sin(np.arange(120) / 5))
    assert compare(losses([0.6] * 7), TEST, PAST, 0.95).worse
    assert not compare(losses([0.6] * 7, rows=100_000), TEST, restless, 0.95).worse


def test_interval_is_that_of_a_future_mean():
    past = losses(np.tile([0.3, 0.5], 10), spread=0)  # 20 days: windows of 2, which all have the mean 0.4
    assert compare(losses([0.6, 0.8], spread=0), losses([0.4, 0.6], spread=0), past, 0.95).windows == 10
    found = compare(losses([0.6, 0.8], spread=0), losses([0.4, 0.6], spread=0), past, 0.95, timed=False)
    spread = 0.1 * np.sqrt(20 / 19) * 0.5 / 0.4
    half = 2.093024 * np.sqrt(spread**2 * (1 / 2 + 1 / 2) + 0.01 / 200)  # t of 19 degrees of freedom
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half))


def test_few_outcomes_widen_the_interval():
    few, many = (compare(losses([0.6] * 7, rows=n, spread=0.5), TEST, PAST, 0.95) for n in (5, 5000))
    assert few.high - few.low > 1.5 * (many.high - many.low)


def test_one_day_is_too_little_to_compare():
    assert compare(losses([0.9]), TEST, PAST, 0.95) is None


def test_rows_without_an_outcome_are_left_out(model, week):
    batch = baseline.read(week, model)
    batch.target[:100] = np.nan
    found = performance.losses(batch, "binary")
    assert found.known == 600
    assert len(found.days) == 6


def test_parts_add_up(model, week):
    whole, one, two = (
        performance.losses(baseline.read(rows, model), "binary") for rows in (week, week[:250], week[250:])
    )
    parts = two + one
    assert (whole.rows == parts.rows).all()
    assert parts.total == pytest.approx(whole.total)
    for day, values in whole.by_day(0.95).items():
        assert parts.by_day(0.95)[day] == pytest.approx(values)


def test_a_model_that_learned_another_world_is_found_out(judged):
    assert judged(weather("2026-06-01", 7, seed=3, rate=3.0)).performance.worse
    assert not judged(weather("2026-06-01", 7, seed=3)).performance.worse
