"""What a few columns are taken for, one kind of column at a time."""

import numpy as np
import pandas as pd
import pytest

from mlops import console
from mlops.adopting import infer, table
from mlops.adopting.table import Wish
from mlops.contract import BadInput

N = 100
WAVE = [(7 * i) % 31 / 10 for i in range(N)]
HALF = [int(value) for value in np.random.default_rng(0).integers(2, size=N)]


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (HALF, "binary"),
        ([True, False] * 50, "binary"),
        (["yes", "no"] * 50, "binary"),
        (["a", "b", "c", "d"] * 25, "multiclass"),
        ([3, 4, 5, 6, 7] * 20, "multiclass"),
        (list(range(N)), "regression"),
        ([0.5, 1.5] * 50, "regression"),
    ],
)
def test_the_target_tells_the_task(target, task, guessed):
    assert guessed(x=WAVE, y=target).schema.task == task


def test_a_person_knows_better_what_whole_numbers_are(guessed):
    assert guessed(x=WAVE, y=[3, 4, 5, 6, 7] * 20, task="regression").schema.task == "regression"


@pytest.mark.parametrize(
    ("target", "task", "says"),
    [
        ([1] * N, None, "has one value only (1.0)"),
        ([f"{i % 101} streets" for i in range(2 * N)], None, "has 101 classes"),
        (["a", "b"] * 50, "regression", "holds texts such as 'a', ...: no regression"),
        (WAVE, "multiclass", "holds numbers such as 0.0, ...: no classes"),
        (["a", "b", "c", "d"] * 25, "binary", "has 4 values: not binary"),
        (pd.date_range("2026-01-01", periods=N).astype(str), None, "holds times"),
    ],
)
def test_a_target_that_can_not_be_predicted_is_refused(target, task, says, guessed):
    with pytest.raises(BadInput, match="column 'y', the target,") as refused:
        guessed(x=WAVE * (len(target) // N), y=target, task=task)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("values", "type", "low", "high", "categories"),
    [
        (["007", "010"] * 50, "text", None, None, ("007", "010")),
        (["a", "b"] * 50, "text", None, None, ("a", "b")),
        ([f"word {i % 40}" for i in range(N)], "text", None, None, ()),
        ([True, False] * 50, "boolean", None, None, ()),
        ([20, 30] * 50, "integer", 10, 40, ()),
        ([-20, 30] * 50, "integer", -70, 80, ()),
        ([0.25, 0.5] * 50, "number", 0, 1, ()),
        ([2.5, 12.5] * 50, "number", 0, 30, ()),
        (["2.5", "NA"] * 50, "number", 0, 5, ()),
    ],
)
def test_a_column_is_taken_for_what_it_holds(values, type, low, high, categories, guessed):
    column = guessed(x=WAVE, c=values, y=HALF).schema.columns["c"]
    assert (column.type, column.low, column.high, column.categories) == (type, low, high, categories)
    assert column.missing is ("NA" in values)


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("customer_id", [f"C{i:04}" for i in range(N)], "identifier"),
        ("rowNumber", [7 * i + 3 for i in range(N)], "identifier"),
        ("counted", list(range(5, N + 5)), "identifier"),
        ("note", [f"said {i}" for i in range(N)], "hardly ever comes twice"),
        ("echo", [10 * y + 1 for y in HALF], "tells the target alone (100.0%)"),
        ("outcome", ["lost" if y else "won" for y in HALF], "tells the target alone"),
        ("closed_after", [float(y) if y else None for y in HALF], "tells the target alone"),
    ],
)
def test_a_doubtful_column_is_left_out_unless_it_is_kept(name, values, why, guessed):
    columns = {"x": WAVE, name: values, "y": HALF}
    guess = guessed(**columns)
    assert [doubt.column for doubt in guess.doubts] == [name]
    assert why in guess.doubts[0].question
    assert guess.schema.columns[name].roles == ("ignored",)
    kept = guessed(**columns, keep=(name,))
    assert kept.doubts == []
    assert "input" in kept.schema.columns[name].roles


def test_a_person_is_asked_about_each_doubt_and_nobody_means_a_refusal(tmp_path):
    columns = {"x": WAVE, "echo": HALF, "id": [f"C{i}" for i in range(N)], "y": HALF}
    pd.DataFrame(columns).to_csv(tmp_path / "a.csv", index=False)
    wish, asked = Wish("y"), []
    found = table.load(tmp_path / "a.csv", wish)
    kept = infer.settled(found, wish, lambda question: asked.append(question) or "'id'" in question)
    assert (len(asked), kept.schema.inputs) == (2, ["x", "echo"])
    assert infer.settled(found, wish, lambda _: True).schema.inputs == ["x"]
    with pytest.raises(BadInput, match="say `--yes` to leave these columns out, or which ones to `--keep`"):
        infer.settled(found, wish, None)


@pytest.mark.parametrize(("answer", "agreed"), [("", True), ("Y", True), ("n", False), ("what?", False)])
def test_an_answer_agrees_if_it_says_so_or_nothing(answer, agreed, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert console.agree("Leave it out?") is agreed


@pytest.mark.parametrize(
    ("name", "values"),
    [("width", list(WAVE)), ("paid", [i % 7 for i in range(N)]), ("kind", ["a", "b", "c", "d"] * 25)],
)
def test_an_honest_column_raises_no_doubt(name, values, guessed):
    guess = guessed(**{name: values, "y": HALF})
    assert guess.doubts == []
    assert guess.schema.columns[name].roles == ("input",)


def test_a_table_of_which_no_column_is_left_is_refused_with_the_reasons(guessed):
    with pytest.raises(BadInput, match="no column is left to learn from") as refused:
        guessed(echo=HALF, one=[7] * N, y=HALF)
    assert "'one': it has one value only" in str(refused.value)
    assert "'echo': it tells the target alone" in str(refused.value)
    assert guessed(echo=HALF, one=[7] * N, y=HALF, keep=("echo",)).schema.inputs == ["echo"]


def test_an_identifier_of_every_row_is_the_key_and_one_that_repeats_is_not(guessed):
    assert guessed(id=[f"C{i}" for i in range(N)], x=WAVE, y=HALF).schema.key == ("id",)
    assert guessed(customer_id=[f"C{i // 2}" for i in range(N)], x=WAVE, y=HALF).schema.key == ()


def test_columns_without_news_are_left_out_and_said(guessed):
    guess = guessed(x=WAVE, one=[7] * N, none=[None] * N, day=["2026-01-31"] * 50 + ["2026-02-28"] * 50, y=HALF)
    assert guess.schema.inputs == ["x"]
    assert [remark.split("`")[1] for remark in guess.remarks[1:4]] == ["one", "none", "day"]


def test_what_tells_who_somebody_is_is_masked(guessed):
    guess = guessed(email=["a@b", "c@d"] * 50, age=[30, 40] * 50, file_name=["a", "b"] * 50, x=WAVE, y=HALF)
    assert [name for name, column in guess.schema.columns.items() if column.sensitive] == ["email"]


def test_time_and_slices_get_their_roles(guessed):
    days = pd.date_range("2026-01-01", periods=N).astype(str)
    schema = guessed(at=days, x=WAVE, site=["a", "b"] * 50, y=HALF, time="at", slices=("site",)).schema
    assert (schema.time, schema.having("slice"), schema.inputs) == ("at", ["site"], ["x", "site"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"time": "z"}, "--time names 'z'"),
        ({"time": "when"}, "--time names 'when', which isn't a column; there are: x, y"),
        ({"slices": ("site",)}, "--slices names 'site'"),
        ({"keep": ("z",)}, "--keep names 'z'"),
        ({"slices": ("y",)}, "can't be the target and --time or --slices at once"),
    ],
)
def test_a_wish_that_the_table_can_not_meet_is_refused(options, says, guessed):
    with pytest.raises(BadInput) as refused:
        guessed(x=WAVE, y=HALF, **options)
    assert says in str(refused.value)


def test_a_time_that_holds_no_dates_is_refused_with_examples(guessed):
    with pytest.raises(BadInput, match="column 'year': 100 values are no timestamp, such as 2020, 2021"):
        guessed(x=WAVE, year=[2020, 2021] * 50, y=HALF, time="year")
