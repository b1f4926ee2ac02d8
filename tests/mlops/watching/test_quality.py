import numpy as np
import pytest

from mlops.watching import quality
from mlops.watching.layout import Bins

NUMBER = Bins(role="number", edges=[0.0, 1.0])  # bins: missing, outside, below 0, to 1, above
TEXT = Bins(role="text", values=["A", "B"])  # bins: missing, outside, A, B, rare, unseen


def size(kind, now, before, bins):
    return quality.effects(np.array([now]), np.array(before), bins)[kind][0]


@pytest.mark.parametrize(
    ("kind", "now", "before", "bins", "wanted"),
    [
        ("missing", [40, 0, 30, 30, 0], [10, 0, 45, 45, 0], NUMBER, 0.3),
        ("missing", [10, 0, 45, 45, 0], [10, 0, 45, 45, 0], NUMBER, 0.0),
        ("missing", [0, 0, 50, 50, 0], [10, 0, 45, 45, 0], NUMBER, -0.1),
        ("range", [0, 25, 50, 25, 25], [0, 0, 50, 50, 0], NUMBER, 0.25),
        ("range", [0, 0, 50, 50, 0], [0, 0, 50, 50, 0], NUMBER, 0.0),
        ("frozen", [10, 0, 0, 90, 0], [0, 0, 50, 50, 0], NUMBER, 1.0),
        ("frozen", [10, 0, 1, 89, 0], [0, 0, 50, 50, 0], NUMBER, 0.0),
        ("frozen", [0, 0, 0, 100, 0], [0, 0, 0, 100, 0], NUMBER, 0.0),
        ("frozen", [100, 0, 0, 0, 0], [0, 0, 50, 50, 0], NUMBER, 0.0),
        ("category", [0, 0, 60, 20, 0, 20], [0, 0, 50, 50, 0, 0], TEXT, 0.2),
        ("category", [0, 0, 60, 40, 0, 0], [0, 0, 50, 50, 0, 0], TEXT, 0.0),
        ("gone", [0, 0, 100, 0, 0, 0], [0, 0, 70, 30, 0, 0], TEXT, 0.3),
        ("gone", [0, 0, 99, 1, 0, 0], [0, 0, 70, 30, 0, 0], TEXT, 0.0),
        ("gone", [0, 0, 100, 0, 0, 0], [0, 0, 995, 5, 0, 0], TEXT, 0.0),
    ],
)
def test_a_fault_has_its_size_and_what_is_usual_has_none(kind, now, before, bins, wanted):
    assert size(kind, now, before, bins) == pytest.approx(wanted)


def test_an_empty_window_has_no_faults_but_what_is_gone():
    sizes = quality.effects(np.zeros((1, 6), int), np.array([0, 0, 50, 50, 0, 0]), TEXT)
    assert {kind: value[0] for kind, value in sizes.items()} == {"missing": 0, "range": 0, "category": 0, "gone": 1}


def test_volume_is_compared_with_the_four_weeks_before():
    rows = np.array([100] * 30 + [50] * 2)
    assert quality.volume(rows, np.array([30]), 2) == pytest.approx(np.log(2))
    assert quality.volume(rows, np.array([20]), 2) == pytest.approx(0)


def test_volume_says_nothing_with_less_than_a_week_before():
    rows = np.array([100] * 6 + [50, 50])
    assert quality.volume(rows, np.array([6, 7]), 1).tolist() == [0, pytest.approx(np.log(650 / 7 / 50))]
