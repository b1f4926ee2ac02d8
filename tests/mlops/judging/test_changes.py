import msgspec
import pytest

from mlops import workspace
from mlops.contract import Partition, Profile, Schema, Summary, column
from mlops.judging import changes, trial
from mlops.judging.record import Change


def part(md5, rows=1000, **columns):
    return Partition(md5=md5 * 32, profile=Profile(rows=rows, columns=columns), dropped={}, passed={})


def drifts(before, after):
    """What is said where the base has one file of 1,000 rows with `x`, and the head adds another."""
    base = {"old.csv": part("1", x=before)}
    return [
        (row.what, row.base, row.head, row.notable)
        for row in changes.drift(base, base | {"new.csv": part("2", x=after)})
    ]


OWN = [
    "src/problem/model.py",
    "src/problem/features.py",
    "data.dvc",
    "dvc.lock",
    "docs/data.md",
    "tests/problem/test_x.py",
]
OTHERS = [
    "yaml.pyc", ".python-version", "tools/python", "pipelines/gate.py", "src/problem/__init__.py", "src/problem/a.py",
    "src/yaml/__init__.py", "tests/conftest.py", ".gitattributes", "conftest.py", "src/problem/model.py/x", "docs",
    "docs\x85.py",
]  # fmt: skip


def test_all_but_the_changes_own_files_and_params_may_touch_what_judges_or_runs_it():
    changed = [Change(what=what) for what in ("train.model.trees", "search.trials", "trainer", "judge.block", "engine")]
    assert changes.touching(OWN, changed[:2]) == []
    assert changes.touching([*OWN, *OTHERS], changed) == [
        *OTHERS, "params.yaml: trainer", "params.yaml: judge.block", "params.yaml: engine",
    ]  # fmt: skip


def test_no_name_hides_a_file_and_no_renaming_either(tmp_path):
    """git quotes some names, and says `{a => b}` of files that moved."""
    workspace.git(tmp_path, "init", "--quiet")
    strange = ["\u00e4.pyc", 'a\tb"\n.pyc', "docs/\u202egnp.py"]
    trees = []
    for name in ("docs/model.md", "sitecustomize.py"):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs/model.md").unlink(missing_ok=True)
        for path, text in {"params.yaml": "train: {}", name: "A long text that moves.\n" * 9}.items():
            (tmp_path / path).write_text(text)
        for path in strange if trees else ():
            (tmp_path / path).write_text("x")
        workspace.git(tmp_path, "add", "--all")
        trees.append(workspace.git(tmp_path, "write-tree"))
    who = {f"GIT_{role}_{key}": "x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    commits = [workspace.git(tmp_path, "commit-tree", tree, "-m", "x", **who) for tree in trees]
    found = trial.facts_of(trial.Case(tmp_path, commits[0], commits[1], commits[1])).changes
    assert sorted(found.flagged) == sorted(["sitecustomize.py", *strange[:2]])
    assert len(found.files) == 5


def test_changed_new_and_removed_params_are_named_by_their_path():
    base = {"train": {"seed": 0, "model": {"trees": 100, "depth": 3}}, "judge": {"block": 3}}
    head = {"train": {"seed": 0, "model": {"trees": 200, "rate": 0.1}}, "judge": {"block": 3}}
    assert changes.params(base, head) == [
        Change(what="train.model.depth", base="3", head=""),
        Change(what="train.model.rate", base="", head="0.1"),
        Change(what="train.model.trees", base="100", head="200"),
    ]


def test_values_that_python_takes_for_equal_differ():
    assert [row.what for row in changes.params({"a": 1, "b": 1, "c": 1}, {"a": 1.0, "b": True, "c": 1})] == ["a", "b"]


def test_changed_columns_and_settings_of_the_schema_are_described():
    target = column("integer", "target")
    base = Schema(task="binary", columns={"x": column("number", "input", low=0), "y": target})
    head = Schema(
        task="binary",
        zone="Asia/Tokyo",
        columns={"x": column("number", "input", "slice", low=0, high=9, unit="km", missing=True), "y": target},
    )
    assert changes.schema(base, head) == [
        Change(
            what="x",
            base="number [0, ]; input; outliers: error",
            head="number [0, 9]; input, slice; km; may be missing; outliers: error",
        ),
        Change(what="zone", base="UTC", head="Asia/Tokyo"),
    ]
    assert changes.schema(base, msgspec.structs.replace(base)) == []


def test_data_files_that_came_went_or_changed_are_listed_with_their_rows():
    base = {"same.csv": part("1"), "edited.csv": part("2"), "gone.csv": part("3")}
    head = {"same.csv": part("1"), "edited.csv": part("4", rows=2000), "new.csv": part("5")}
    assert changes.data(base, head) == [
        Change(what="edited.csv", base="1,000 rows (2222222)", head="2,000 rows (4444444)"),
        Change(what="gone.csv", base="1,000 rows (3333333)", head=""),
        Change(what="new.csv", base="", head="1,000 rows (5555555)"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (Summary(missing=1), Summary(missing=40), [("missing", "0.1%", "4.0%", True)]),
        (Summary(missing=1), Summary(missing=11), [("missing", "0.1%", "1.1%", False)]),
        (Summary(missing=1), Summary(missing=2), []),
        (Summary(missing=0, mean=10, std=2), Summary(missing=0, mean=11.5, std=2), [("mean", "10", "11.5", True)]),
        (Summary(missing=0, mean=0, std=2), Summary(missing=0, mean=0.9, std=2), [("mean", "0", "0.9", False)]),
        (Summary(missing=0, mean=0, std=2), Summary(missing=0, mean=0.4, std=2), []),
        (
            Summary(missing=0, counts={"AA": 1000}),
            Summary(missing=0, counts={"AA": 990, "ZZ": 3, "YY": 7}),
            [("new categories", "", "YY, ZZ (1.00%)", True)],
        ),
        (
            Summary(missing=0, counts={"AA": 1000}),
            Summary(missing=0, counts={"AA": 999, "ZZ": 1}),
            [("new categories", "", "ZZ (0.10%)", False)],
        ),
        (Summary(missing=0, counts={"AA": 500, "UA": 500}), Summary(missing=0, counts={"AA": 1000}), []),
    ],
)
def test_new_rows_that_differ_from_the_bases_are_told_and_the_notable_ones_marked(before, after, said):
    assert drifts(before, after) == said


def test_a_mean_over_several_files_is_that_of_their_rows_together():
    base = {
        "a.csv": part("1", rows=3000, x=Summary(missing=0, mean=0, std=0)),
        "b.csv": part("2", rows=1000, x=Summary(missing=0, mean=4, std=0)),
    }
    (found,) = changes.drift(base, {"c.csv": part("3", x=Summary(missing=0, mean=4, std=0))})
    assert (found.base, found.head, found.notable) == ("1", "4", True)  # std over both: sqrt(3)


@pytest.mark.parametrize("head", [{"a.csv": part("1", x=Summary(missing=0))}, {}])
def test_where_no_rows_are_new_nothing_drifts(head):
    assert changes.drift({"a.csv": part("1", x=Summary(missing=0))}, head) == []
