import numpy as np
import pytest

from mlops.training import sample

HASHES = np.random.default_rng(0).integers(2**64, size=40_000, dtype=np.uint64)


@pytest.mark.parametrize(
    ("rows", "most", "samples", "k"),
    [(100, None, 1, 0), (100, 100, 1, 0), (101, 100, 1, 1), (400, 100, 1, 2), (401, 100, 1, 3), (100, None, 5, 1)],
)
def test_rows_are_halved_until_they_are_few_enough_and_once_at_least_for_several_samples(rows, most, samples, k):
    assert sample.halvings(rows, most, samples) == k


@pytest.mark.parametrize("k", range(6))
def test_a_sample_is_a_share_of_one_half_to_the_k_and_holds_all_smaller_ones(k):
    drawn, smaller = (sample.draw(HASHES, halvings, salt=2) for halvings in (k, k + 1))
    assert drawn.mean() == pytest.approx(2.0**-k, abs=0.01)
    assert (smaller <= drawn).all()


def test_samples_with_different_salts_are_independent():
    one, other = (sample.draw(HASHES, 1, salt) for salt in (2, 3))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
