import subprocess

import pytest
import yaml

from mlops.contract import BadInput
from mlops.training import keeping
from mlops.training.search import Trial

PARAMS = """# first
train:
  seed: 0
  model: # the settings
    kind: a # one of a and b

    trees: 100   # many
search:
  trees: [1, 2] # stays
"""


def test_the_winner_is_written_where_its_settings_stand_and_every_comment_stays():
    changed = keeping.change(PARAMS, {"trees": 7, "kind": "b"})
    assert changed == PARAMS.replace("kind: a #", "kind: b #").replace("trees: 100 ", "trees: 7 ")


def test_a_setting_that_is_not_there_yet_is_added_and_nothing_changes_for_none():
    changed = keeping.change(PARAMS, {"rate": 0.0001, "kind": "no"})
    assert yaml.safe_load(changed)["train"]["model"] == {"rate": 0.0001, "kind": "no", "trees": 100}
    assert [line for line in PARAMS.splitlines() if line not in changed.splitlines()] == [
        "    kind: a # one of a and b"
    ]
    assert keeping.change(PARAMS, {}) == PARAMS


@pytest.mark.parametrize("text", ["train: {seed: 0}\n", "train:\n  model: {trees: 1}\n", "train: 3\n"])
def test_params_without_a_block_of_settings_are_refused(text):
    with pytest.raises(BadInput, match=r"params.yaml: train\.model must be a block with one key a line"):
        keeping.change(text, {"trees": 2})


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.com")
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / ".gitignore").write_text("/search/\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def git(root, *words):
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def test_every_trial_becomes_an_experiment_of_head_and_the_work_tree_stays_as_it_is(tree):
    (tree / "new.py").write_text("uncommitted\n")
    trials = [
        Trial(number=1, settings={"trees": 5}, rounds=2, validation=0.25),
        Trial(number=0, settings={}, failed="no"),
    ]
    assert keeping.experiments(tree, trials, 3) == ["search-3-01", "search-3-00"]
    head = git(tree, "rev-parse", "HEAD")
    ref = f"refs/exps/{head[:2]}/{head[2:]}/search-3-01"
    assert git(tree, "rev-parse", f"{ref}^") == head
    assert yaml.safe_load(git(tree, "show", f"{ref}:params.yaml"))["train"]["model"]["trees"] == 5
    assert yaml.safe_load(git(tree, "show", f"{ref}:search/trial.json"))["validation"] == 0.25
    assert git(tree, "show", f"{ref}:new.py") == "uncommitted"
    assert git(tree, "status", "--porcelain") == "?? new.py"


def test_the_best_goes_to_params_yaml_unless_that_is_the_best(tree):
    as_it_is, other = Trial(number=0, settings={}), Trial(number=1, settings={"trees": 5})
    assert "nothing tried was better" in keeping.conclude(tree, [as_it_is, other], 0).lower()
    assert (tree / "params.yaml").read_text() == PARAMS
    assert "nox -s experiment" in keeping.conclude(tree, [other, as_it_is], 0)
    assert git(tree, "diff", "--shortstat") == "1 file changed, 1 insertion(+), 1 deletion(-)"
