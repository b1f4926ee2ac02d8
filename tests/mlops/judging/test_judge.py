import dataclasses

import msgspec
import pandas as pd
import pytest

from mlops.artifact import Model
from mlops.contract import BadInput, Partition, Profile, Summary, column, decode, encode
from mlops.judging import judge
from mlops.judging.record import Changes, Comparison, Facts, Side

FACTS = Facts(base=Side(commit="a" * 40), head=Side(commit="b" * 40), changes=Changes(), released=2)


def described(trained, **changes):
    """The side with other content of model.json."""
    info = msgspec.structs.replace(trained.info, **changes)
    graph = (trained.folder / "model.onnx").read_bytes()
    return dataclasses.replace(trained, models=[Model(graph, info) for _ in trained.models])


def test_an_honest_new_input_is_better_and_accepted(side, flights, schema, limits):
    base = side("base", flights(400, 1), schema("wind"))
    head = side("head", flights(400, 1), schema("wind", "rain"))
    found = judge.judge(base, head, flights(600, 2), FACTS, limits)
    assert (found.verdict, found.decision.accepted, found.why) == ("better", True, [])
    assert found.metrics[0].low <= found.metrics[0].difference <= found.metrics[0].high < 0
    assert (found.basis.test_rows, found.basis.overlap, found.basis.blocks, found.basis.block) == (600, 0, 10, "3 days")
    assert (found.basis.period, found.basis.released) == ("2013-05-01 to 2013-05-30", 2)
    assert [row.value for row in found.slices] in (["EWR", "JFK"], ["JFK", "EWR"])
    assert found.changes.schema[0].what == "rain"
    assert decode(Comparison, encode(found), "comparison.json") == found


def test_a_lost_input_is_worse_and_refused(side, flights, schema, limits):
    base = side("base", flights(400, 1), schema("wind", "rain"))
    head = side("head", flights(400, 1), schema("wind"))
    found = judge.judge(base, head, flights(600, 2), FACTS, limits)
    assert (found.verdict, found.decision.accepted) == ("worse", False)
    assert found.metrics[0].low > 0


def test_an_input_that_tells_the_answer_is_suspicious_and_refused(side, flights, schema, limits):
    base = side("base", flights(400, 1), schema("wind"))
    head = side("head", flights(400, 1), schema("wind", "echo"))
    found = judge.judge(base, head, flights(600, 2), FACTS, limits)
    assert (found.verdict, found.decision.accepted) == ("suspicious", False)
    assert found.why[0].startswith("'echo' alone carries")
    assert found.why[0].endswith("is a new input")


def test_the_same_model_on_both_sides_makes_no_difference(side, flights, schema, limits):
    base = side("base", flights(400, 1), schema("wind"))
    first, again = (judge.judge(base, base, flights(600, 2), FACTS, limits) for _ in range(2))
    assert (first.verdict, first.decision.accepted) == ("inconclusive", True)
    assert {(row.difference, row.low, row.high) for row in first.metrics} == {(0, 0, 0)}
    assert msgspec.structs.replace(first, footprint=[]) == msgspec.structs.replace(again, footprint=[])


def test_a_test_of_which_every_row_was_trained_on_is_incomparable(side, flights, schema, limits):
    base = side("base", flights(400, 1), schema("wind"))
    found = judge.judge(base, base, flights(400, 1)[:50], FACTS, limits)
    assert found.why == ["every day of the test holds training rows of one side"]


def test_a_test_period_of_a_single_block_is_refused_with_the_settings_to_change(side, flights, schema, limits):
    base = side("base", flights(100, 1), schema("wind"), trainings=1)
    wide = msgspec.structs.replace(limits, block=40)
    with pytest.raises(
        BadInput, match=r"a single block of 40 days: .* lower judge.block, or raise prepare.test_period"
    ):
        judge.judge(base, base, flights(60, 2), FACTS, wide)


def test_what_only_the_artifacts_tell_is_added_to_the_facts(side, flights, schema, limits):
    parts = {"a.csv": Partition(md5="1" * 32, profile=Profile(rows=9, columns={"wind": Summary(missing=0)}),
                                dropped={}, passed={})}  # fmt: skip
    base = side("base", flights(100, 1), schema("wind"), trainings=1)
    head = dataclasses.replace(described(base, task="multiclass"), data=parts)
    found = judge.judge(base, head, flights(60, 2), FACTS, limits)
    assert (found.head.data, found.changes.data[0].head) == ({"a.csv": "1" * 32}, "9 rows (1111111)")
    assert found.head.libraries["onnx"]


def test_incomparable_sides_are_refused_unless_a_label_accepts_them(side, flights, schema, limits):
    base = side("base", flights(100, 1), schema("wind"), trainings=1)
    head = described(base, classes=[0, 1, 2])
    found = judge.judge(base, head, flights(60, 2), FACTS, limits)
    accepting = msgspec.structs.replace(FACTS, accept_incomparable=True)
    assert (found.verdict, found.decision.accepted) == ("incomparable", False)
    assert found.why == ["the classes changed from [0, 1] to [0, 1, 2]"]
    assert judge.judge(base, head, flights(60, 2), accepting, limits).decision.accepted


def test_rows_that_a_side_trained_on_are_left_out_and_counted(side, flights, schema, limits):
    base = side("base", flights(400, 1), schema("wind"))
    test = pd.concat([flights(600, 2), flights(400, 1)[:7]])
    found = judge.judge(base, base, test.sample(frac=1, random_state=0), FACTS, limits)
    assert (found.basis.overlap, found.basis.test_rows) == (7, 600)


@pytest.mark.parametrize(("outliers", "flagged"), [("drop", ["src/problem/schema.py: wind"]), ("keep", [])])
def test_a_rule_that_drops_rows_is_flagged(side, flights, schema, limits, outliers, flagged):
    base = side("base", flights(100, 1), schema("wind"), trainings=1)
    columns = base.info.schema.columns | {"wind": column("number", "input", low=0, outliers=outliers)}
    head = described(base, task="multiclass", schema=msgspec.structs.replace(base.info.schema, columns=columns))
    found = judge.judge(base, head, flights(60, 2), FACTS, limits)
    assert [text.split(" (")[0] for text in found.changes.flagged] == flagged


def test_a_target_that_changed_in_rows_of_both_sides_is_notable_drift(side, flights, schema, limits):
    base = side("base", flights(100, 1), schema("wind"))
    head = dataclasses.replace(base, train=base.train.assign(late=1 - base.train["late"]))
    found = judge.judge(base, head, flights(600, 2), FACTS, limits).changes.drift[0]
    assert (found.column, found.head, found.notable) == ("late", "100.00% of the common rows", True)
