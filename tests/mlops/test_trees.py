import subprocess

import pytest

from mlops import trees
from mlops.contract import BadInput
from mlops.workspace import git


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@example.com")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "old").mkdir()
    for name in ("kept", "other", "old/one"):
        (tmp_path / name).write_text(f"{name}\n")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def test_a_tree_has_what_is_given_and_lacks_what_leaves(repository):
    blobs = {"other": trees.blob(repository, "new\n"), "old/two": trees.blob(repository, "two\n")}
    made = trees.changed(repository, "HEAD", blobs, without=["old", "never there"])
    assert git(repository, "ls-tree", "-r", "--name-only", made).split() == ["kept", "old/two", "other"]
    assert git(repository, "show", f"{made}:other") == "new"
    assert git(repository, "show", f"{made}:kept") == "kept"


def test_work_tree_and_index_stay_as_they_are(repository):
    (repository / "kept").write_text("changed\n")
    trees.changed(repository, "HEAD", {"other": trees.blob(repository, "new\n")}, without=["old"])
    assert git(repository, "status", "--porcelain") == "M kept"
    assert (repository / "old/one").exists()
    assert not list((repository / ".git").glob("index.*"))


def test_what_is_no_tree_is_refused(repository):
    with pytest.raises(BadInput, match="nowhere"):
        trees.changed(repository, "nowhere", {})
    assert not list((repository / ".git").glob("index.*"))
