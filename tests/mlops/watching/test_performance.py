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


TEST = losses(0.5 + 0.05 * np.sin(np.arange(30)))


def test_the_same_loss_is_not_worse():
    found = compare(losses([0.48, 0.53, 0.5, 0.49, 0.52, 0.5, 0.49]), TEST, 3, 0.95)
    assert found.low < found.difference < found.high
    assert not found.worse


def test_a_larger_loss_is_worse_and_a_smaller_one_is_not():
    assert compare(losses([0.7] * 7), TEST, 3, 0.95).worse
    assert not compare(losses([0.3] * 7), TEST, 3, 0.95).worse


def test_rows_of_one_day_are_no_evidence_beyond_that_day():
    """Days differ by far more than their rows' sampling error: a wide interval, however many rows they have."""
    window = losses([0.3, 0.9, 0.4, 0.8, 0.5, 0.9, 0.7], rows=10_000)
    assert not compare(window, losses(np.tile([0.3, 0.9, 0.4], 10)[:20]), 1, 0.95).worse


def test_interval_is_students():
    window, test = losses([0.6, 0.8], spread=0), losses([0.4, 0.5, 0.6], spread=0)
    found = compare(window, test, 1, 0.95)
    pooled = (0.02 + 0.02) / 3
    half = 3.182446 * np.sqrt(pooled * (1 / 2 + 1 / 3))  # t of 3 degrees of freedom
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half))


def test_one_day_is_too_little_to_compare():
    assert compare(losses([0.9]), TEST, 3, 0.95) is None


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
