"""A work tree before it takes up a table: clean, or refused; and the change that is tried on it."""

import json
import subprocess

import pytest

from mlops.adopting import project
from mlops.contract import BadInput
from tests.conftest import ENVIRONMENT


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository with one commit, whose people git knows."""
    for name in ("NAME", "EMAIL"):
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", ENVIRONMENT[f"GIT_AUTHOR_{name}"])
    (tmp_path / "params.yaml").write_text("train: 1\n")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, env=ENVIRONMENT, check=True)
    return tmp_path


def test_a_clean_work_tree_gives_the_commit_to_go_back_to(tree):
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=tree, text=True).strip()
    assert project.clean(tree, tree / "elsewhere.csv") == head


def test_the_table_itself_may_lie_in_the_work_tree(tree):
    (tree / "own data").mkdir()
    (tree / "own data/a.csv").write_text("x,y\n")
    project.clean(tree, tree / "own data")
    project.clean(tree, tree / "own data/a.csv")


@pytest.mark.parametrize("name", ["params.yaml", "new.txt", "own data/b.csv"])
def test_a_work_tree_with_changes_is_refused_and_they_are_named(name, tree):
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text("train: 2\n")
    with pytest.raises(BadInput, match=f"the work tree has changes .*{name}.*commit or stash them first"):
        project.clean(tree, tree / "own data/a.csv")


@pytest.mark.parametrize("accepted", [True, False])
def test_the_gates_word_on_the_first_change_is_handed_on(accepted, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/comparison.json").write_text(json.dumps({"decision": {"accepted": accepted}}))
    assert project.accepted(tmp_path) is accepted


@pytest.mark.parametrize(
    ("before", "during"),
    [
        ("train:\n  seed: 0\n  model:\n    learning_rate: 0.3 # more\n", "    learning_rate: 0.1 # more\n"),
        ("train:\n  seed: 0\n  model:\n    learning_rate: 0.1\n", "    learning_rate: 0.05\n"),
        ("train:\n  seed: 4 # any\n  model:\n    strength: 1\n", "  seed: 5 # any\n"),
    ],
)
def test_the_first_change_is_there_until_it_was_tried(before, during, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(before)
    with project.first_change(path):
        assert during in path.read_text()
    assert path.read_text() == before
