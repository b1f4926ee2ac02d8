import msgspec
import pandas as pd
import pytest

from mlops.contract import Golden, ModelInfo, Profile, Schema, column, save
from mlops.judging import sides

SCHEMA = Schema(
    task="binary",
    columns={
        "at": column("timestamp", "time"),
        "wind": column("number", "input", unit="mph"),
        "late": column("integer", "target"),
    },
)
INFO = ModelInfo(
    format=1, task="binary", classes=[0, 1], schema=SCHEMA, seed=0, settings={}, rows=0, data={}, libraries={},
    golden=Golden(rows={}, predictions=[]), profile=Profile(rows=0, columns={}),
)  # fmt: skip
TEST = pd.DataFrame(columns=["at", "wind", "rain", "late"])


def with_columns(**columns):
    kept = {name: SCHEMA.columns[name] for name in SCHEMA.columns if columns.get(name, True)}
    schema = msgspec.structs.replace(SCHEMA, columns=kept | {name: new for name, new in columns.items() if new})
    return msgspec.structs.replace(INFO, schema=schema)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (msgspec.structs.replace(INFO, task="multiclass"), "the task changed from binary to multiclass"),
        (msgspec.structs.replace(INFO, classes=[0, 1, 2]), "the classes changed from [0, 1] to [0, 1, 2]"),
        (
            with_columns(late=None, delayed=column("integer", "target")),
            "the target changed from 'late' to 'delayed'",
        ),
        (with_columns(at=None), "the time column changed from 'at' to 'None'"),
        (with_columns(wind=column("text", "input", unit="mph")), "the input 'wind' changed its type or unit, so"),
        (with_columns(wind=column("number", "input", unit="m/s")), "the input 'wind' changed its type or unit, so"),
    ],
    ids=["task", "classes", "target", "time", "type", "unit"],
)
def test_sides_that_answer_different_questions_have_an_obstacle(head, reason):
    assert sides.obstacle(INFO, head, TEST).startswith(reason)


@pytest.mark.parametrize(
    "head",
    [
        with_columns(rain=column("number", "input")),
        with_columns(wind=column("integer", "input", unit="mph", low=0)),
        with_columns(wind=column("number", "ignored", unit="mph"), rain=column("number", "input")),
    ],
    ids=["new input", "other range", "unused input"],
)
def test_what_the_base_can_still_be_asked_is_no_obstacle(head):
    assert sides.obstacle(INFO, head, TEST) is None


def test_an_input_of_the_base_that_the_data_lost_is_an_obstacle():
    head = with_columns(wind=None, rain=column("number", "input"))
    reason = "the base's model needs the input 'wind', which the head's data no longer has"
    assert sides.obstacle(INFO, head, TEST.drop(columns="wind")) == reason


def test_rows_that_either_side_trained_on_are_not_fresh(side, flights, schema):
    base, head = (side(str(seed), flights(50, seed), schema("wind"), trainings=1) for seed in (1, 3))
    test = pd.concat([flights(50, 1)[:2], flights(50, 2)[:2], flights(50, 3)[:2]])
    assert sides.fresh(test, base, head).tolist() == [False, False, True, True, False, False]


def test_rows_of_a_day_that_a_side_trained_on_are_not_fresh_either(side, flights, schema):
    base, test = side("base", flights(50, 1), schema("wind"), trainings=1), flights(50, 2)[:4]
    head = side(
        "head", pd.concat([flights(50, 3), flights(50, 2)[4:5].assign(at=test["at"].iloc[0])]), schema("wind"), 1
    )
    known = (test["at"] == test["at"].iloc[0]).to_numpy()
    assert sides.fresh(test, base, head).tolist() == (~known).tolist()


@pytest.mark.parametrize(("flipped", "share"), [(0, 0.0), (10, 0.5)])
def test_the_share_of_common_rows_with_another_target_is_found_in_any_order(side, flights, schema, flipped, share):
    rows = flights(50, 1)
    changed = rows.assign(late=rows["late"].where(rows.index >= flipped, 1 - rows["late"]))[:20]
    changed = pd.concat([changed, flights(50, 2)]).sample(frac=1, random_state=0)
    base, head = (side(name, train, schema("wind"), trainings=1) for name, train in (("a", rows), ("b", changed)))
    assert sides.relabelled(base, head) == share


@pytest.mark.parametrize("same", [True, False])
def test_a_repeat_of_the_first_training_shows_whether_it_is_reproducible(side, flights, schema, same):
    folder = side("head", flights(100, 1), schema("wind")).folder
    save(folder / "repeats/0.onnx", (folder / ("model.onnx" if same else "repeats/1.onnx")).read_bytes())
    again = sides.Trained.load(folder)
    assert (again.reproducible, len(again.models)) == (same, 3)
