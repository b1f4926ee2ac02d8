from dataclasses import replace

import numpy as np
import pytest

from mlops.watching import levels
from mlops.watching.levels import calibrate
from mlops.watching.sizes import SMALLEST


def at(base, length=7, rows=700, false_alarms=0.05):
    return calibrate(base.train, base.plan, length, rows, false_alarms)


def test_ordinary_windows_of_training_days_left_out_seldom_alarm(base):
    alarms = 0
    for start in range(0, 113, 3):
        left_out = np.isin(np.arange(120), np.arange(start, start + 7))
        rest, window = base.train.keep(~left_out), base.train.keep(left_out)
        known = calibrate(rest, base.plan, 7, 700, 0.05)
        alarms += any(size.alarms for size in levels.check(window, rest, base.plan, known))
    assert alarms <= 3  # of 38, of which at most 16 don't overlap


def test_a_column_that_varies_from_week_to_week_has_a_higher_level(base):
    found = at(base).found
    assert found["drift", "heat"] > 2 * found["relation", "heat and dew"]


def test_a_column_without_a_fault_in_the_past_has_the_smallest_level(base):
    found = at(base).found
    assert all(found[kind, "site"] == SMALLEST[kind] for kind in ("missing", "range", "category", "gone"))


def test_fewer_false_alarms_cost_higher_levels(base):
    assert at(base, false_alarms=0.01).found["drift", "heat"] > at(base).found["drift", "heat"]


def test_few_rows_raise_levels_as_they_differ_by_chance(base):
    few, many = at(base, rows=20), at(base, rows=700)
    assert few.found["drift", "site"] > many.found["drift", "site"]
    assert at(base, rows=7_000_000).found == many.found


def test_longer_windows_than_the_past_can_calibrate_get_the_levels_of_shorter_ones(base):
    known = at(base, length=60, rows=6000)
    assert (known.length, known.calibrated, known.windows) == (60, 12, 10)
    assert known.target < at(base, length=12, rows=1200).target  # a mean of more days varies less


def test_a_number_that_stood_still_before_can_not_alarm_by_standing_still(base):
    table = base.train.columns["heat"].copy()
    table[40:50] = 0
    table[40:50, 100] = 100
    still = replace(base.train, columns=base.train.columns | {"heat": table})
    assert ("frozen", "heat") in at(base).found
    assert ("frozen", "heat") not in calibrate(still, base.plan, 7, 700, 0.05).found


def test_days_by_lot_are_windows_of_their_own_and_volume_says_nothing(base):
    known = calibrate(base.train, base.plan, 30, 700, 0.05, timed=False)
    assert (known.calibrated, known.windows) == (1, 120)
    assert ("volume", "rows") not in known.found


def test_few_outcomes_widen_the_level_of_a_rate(base):
    window = base.train.keep(np.arange(120) < 7)
    few = replace(window, target=window.target / 50)
    sizes = [
        next(size for size in levels.check(seen, base.train, base.plan, at(base)) if size.kind == "target")
        for seen in (window, few)
    ]
    assert sizes[0].size == pytest.approx(sizes[1].size, abs=0.2)
    assert sizes[1].level > 1.5 * sizes[0].level


@pytest.mark.parametrize(("rows_before", "alarms"), [(100.0, False), (300.0, True), (33.0, True), (None, False)])
def test_volume_alarms_where_it_changed_and_is_passed_over_where_it_is_unknown(base, rows_before, alarms):
    window = base.train.keep(np.arange(120) < 7)
    found = levels.check(window, base.train, base.plan, at(base), rows_before)
    assert [size.alarms for size in found if size.kind == "volume"] == ([alarms] if rows_before else [])
