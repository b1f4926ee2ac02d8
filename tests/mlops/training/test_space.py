import numpy as np
import pytest

from mlops.contract import BadInput
from mlops.training import space


def test_settings_are_of_each_entry_in_turn_and_the_same_for_the_same_seed():
    spanned = [
        {"kind": "a", "rate": {"low": 0.01, "high": 1.0, "log": True}},
        {"kind": "b", "size": {"low": 1, "high": 9}},
    ]
    drawn = space.draw(spanned, 6, seed=1)
    assert [one["kind"] for one in drawn] == ["a", "b"] * 3
    assert all(0.01 <= one["rate"] <= 1 for one in drawn[::2])
    assert all(type(one["size"]) is int and 1 <= one["size"] <= 9 for one in drawn[1::2])
    assert drawn == space.draw(spanned, 6, seed=1) != space.draw(spanned, 6, seed=2)


def test_a_log_scale_draws_as_many_between_one_and_ten_as_between_ten_and_a_hundred():
    drawn = [one["x"] for one in space.draw([{"x": {"low": 1.0, "high": 100.0, "log": True}}], 500, seed=0)]
    assert np.mean(np.array(drawn) < 10) == pytest.approx(0.5, abs=0.08)


def test_nothing_is_drawn_twice_and_a_small_space_gives_what_it_holds():
    drawn = space.draw([{"x": [1, 2], "y": ["a"]}], 10, seed=0)
    assert sorted(one["x"] for one in drawn) == [1, 2]


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        ([], "an empty list; name at least one value"),
        ({"low": 2, "high": 1}, "low: 2, high: 1: low must be below high"),
        ({"low": 0, "high": 1, "log": True}, "above 0 on a log scale"),
        ({"low": 0, "hihg": 1}, "unknown key 'hihg'; did you mean 'high'?"),
        ({"low": "few", "high": 1}, "Expected `int | float`, got `str`"),
    ],
)
def test_what_spans_no_space_is_refused_by_name(choice, fault):
    with pytest.raises(BadInput, match=r"params\.yaml: search\.space: rate: ") as refused:
        space.draw([{"rate": choice}], 3, seed=0)
    assert fault in str(refused.value)
