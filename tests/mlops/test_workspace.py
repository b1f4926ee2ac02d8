"""What an environment of a tree's own must hold, and what its steps are told and say."""

import subprocess
from pathlib import Path

import pytest

from mlops import workspace
from mlops.training import kept
from mlops.workspace import Workspace, git
from tests.conftest import Project
from tests.stress import HOSTILE


@pytest.mark.parametrize(
    ("url", "groups"),
    [("s3://bucket/path", ["s3"]), ("azure://c/p", ["azure"]), ("gs://b", ["gs"]), ("storage", []), ("/mnt/s3", [])],
)
def test_cloud_that_keeps_a_trees_data_asks_for_its_dependency_group(
    url: str, groups: list[str], tmp_path: Path
) -> None:
    (tmp_path / ".dvc").mkdir()
    text = f"['remote \"seed\"']\n    url = seed\n['remote \"storage\"']\n    url = {url}\n"
    (tmp_path / ".dvc/config").write_text(text)
    assert workspace.clouds(tmp_path) == groups


def test_a_run_anew_tells_its_steps_to_believe_nothing_that_is_kept(tmp_path: Path) -> None:
    command = f"echo made >> made && echo ${kept.SWITCH} > told && echo 2 of 5 partitions known"
    (tmp_path / "dvc.yaml").write_text(f"stages: {{look: {{cmd: {command}, deps: [data], outs: [told]}}}}\n")
    (tmp_path / "params.yaml").touch()
    (tmp_path / "data").write_text("1")
    (tmp_path / "artifacts").mkdir()
    for words in (["init", "--no-scm"], ["add", "data"]):
        subprocess.run(["dvc", *words, "--quiet"], cwd=tmp_path, check=True)
    side, heard = Workspace(tmp_path, "HEAD", tmp_path), list[str]()
    side.reproduce("look", heard.append)
    assert (tmp_path / "told").read_text() == "\n"
    side.reproduce_anew("look", heard.append)
    assert (tmp_path / "told").read_text() == "no\n"
    assert (tmp_path / "made").read_text() == "made\n" * 2
    assert heard == ["look", "2 of 5 partitions known"] * 2


def test_a_tree_is_laid_over_what_an_earlier_one_left(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "side"
    subprocess.run(["git", "init", "--quiet", root], check=True)
    (root / ".gitignore").write_text("artifacts\n")
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / ".dvc").mkdir()
    (root / ".dvc/config").touch()
    trees = []
    for name in ("a.py", "b.py"):
        (root / name).write_text(name)
        trees.append(workspace.snapshot(root))
        (root / name).unlink()
    Workspace.lay(root, trees[0], folder)
    (folder / "a.py").unlink()
    (folder / ".gitignore").write_text("changed\n")
    (folder / ".git").mkdir()
    (folder / "artifacts").mkdir()
    (folder / "artifacts/model.onnx").write_text("old")
    Workspace.lay(root, trees[0], folder)
    assert {path.name for path in folder.iterdir()} == {".dvc", ".gitignore", "a.py", "dvc.yaml"}
    assert (folder / ".gitignore").read_text() == "artifacts\n"
    Workspace.lay(root, trees[1], folder)
    assert {path.name for path in folder.iterdir()} == {".dvc", ".gitignore", "b.py", "dvc.yaml"}


def said(root: Path) -> list[str]:
    """What git prints of a repository, in the ways in which it is asked."""
    words = [
        "log --format=%H%n%s",
        "diff HEAD~1",
        "diff --numstat HEAD~1",
        "tag --list",
        "branch",
        "status --porcelain",
    ]
    return [git(root, *line.split()) for line in words]


def test_a_persons_own_git_settings_change_nothing_of_what_git_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path / "project")
    project.root.mkdir()
    project.must("git", "init", "--quiet")
    for content in ("one", "two"):
        (project.root / "\u00e4.txt").write_text(f"{content}\n")
        project.commit()
    for tag in ("v1.10.0", "v1.9.0", "v1.2.0"):
        project.must("git", "tag", tag)
    (project.root / "new").touch()
    before = said(project.root)
    assert "?? new" in before[-1]
    (tmp_path / "settings").write_text(HOSTILE)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))
    assert project.run("git", "tag", "--list", GIT_CONFIG_GLOBAL=str(tmp_path / "settings")).stdout != f"{before[3]}\n"
    assert said(project.root) == before
