import numpy as np
import pytest

from mlops.watching import counts, drift
from mlops.watching.layout import FIRST, Bins, layout

EDGES = [float(edge) for edge in np.linspace(-20, 20, 401)]
NUMBER = Bins(role="number", std=2.0, edges=EDGES)
TEXT = Bins(role="text", values=["A", "B"])


def counted(values):
    bins = np.zeros(NUMBER.size, int)
    np.add.at(bins, FIRST + np.searchsorted(EDGES, values, side="right"), 1)
    return bins


@pytest.mark.parametrize("shift", [0.0, 0.5, 6.0, -3.0])
def test_a_shift_of_the_mean_is_as_large_as_cohens_d(shift):
    values = np.random.default_rng(0).normal(0, 2, 5000)
    assert drift.effect(counted(values + shift)[None], counted(values), NUMBER)[0] == pytest.approx(
        abs(shift) / 2, abs=0.02
    )


def test_a_wider_spread_is_seen_where_the_mean_stays():
    values = np.random.default_rng(0).normal(0, 2, 5000)
    assert drift.effect(counted(2 * values)[None], counted(values), NUMBER)[0] > 0.7


def test_size_does_not_grow_with_the_rows():
    values = np.random.default_rng(0).normal(0, 2, 500)
    once, often = (drift.effect(n * counted(values + 1)[None], counted(values), NUMBER)[0] for n in (1, 1000))
    assert once == pytest.approx(often)


def test_categories_are_compared_by_total_variation():
    before = np.array([0, 0, 50, 50, 0, 0])
    assert drift.effect(np.array([[0, 0, 5, 2, 0, 3]]), before, TEXT)[0] == pytest.approx(0.3)
    assert drift.effect(np.array([[9, 0, 5, 5, 0, 0]]), before, TEXT)[0] == 0  # missing ones are another matter


def test_nothing_present_has_no_distance():
    assert drift.effect(np.array([[9, 0, 0, 0, 0, 0]]), np.array([0, 0, 5, 5, 0, 0]), TEXT)[0] == 0


def test_a_rate_is_compared_by_its_logarithm():
    one, half = (drift.rates(np.array([10_000, 10_000 - hits, hits]), binary=True) for hits in (2000, 1000))
    assert one - half == pytest.approx(np.log(2), abs=0.001)
    assert drift.rates(np.array([10, 25.0]), binary=False) == pytest.approx([2.5])


def test_a_swap_of_two_numbers_shows_in_their_relation_and_hardly_in_each(model, train, base, week):
    same, other = week, week.assign(heat=week["dew"] + 16, dew=week["heat"] - 16)
    plan = layout(train, model.predict(train), model.info)
    name = next(iter(plan.pairs))

    def effect(rows, column):
        seen = counts.count(counts.batch(rows, model.info, model.predict(rows)), plan, model.info)
        return drift.effect(seen.columns[column].sum(0)[None], base.train.columns[column].sum(0), plan.bins[column])[0]

    assert name == "heat and dew"
    assert effect(other, "heat") == pytest.approx(effect(same, "heat"), abs=0.05)
    swapped = week.assign(heat=week["dew"], dew=week["heat"])
    assert effect(swapped, name) > 10 * effect(same, name)
