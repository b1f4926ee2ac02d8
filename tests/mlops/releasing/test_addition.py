"""The branch `retrain`: made anew upon main, and left alone where a person worked on it."""

import pytest

from mlops.contract import BadInput
from mlops.releasing import addition
from mlops.workspace import Workspace


@pytest.fixture
def cat(clone):
    """A clone that may push, with what `start` lays out."""
    made = clone("cat")
    made.git("config", "user.name", "Cat")
    made.git("config", "user.email", "cat@example.com")
    return made


def lay(clone, files):
    """As `start` and `add` leave it: main's tree with other data."""
    clone.add(files)
    pointer = (clone.root / "data.dvc").read_text()
    clone.git("checkout", "--quiet", "data.dvc")
    (clone.root / "dvc.yaml").exists() or (clone.root / "dvc.yaml").write_text("stages: {}\n")
    clone.git("add", "dvc.yaml")
    clone.git("commit", "--quiet", "--allow-empty", "--message", "main moves")
    laid = Workspace.lay(clone.root, clone.git("rev-parse", "HEAD"), clone.root / addition.SCRATCH / "tree")
    (laid.folder / "data.dvc").write_text(pointer)
    return laid


def pushed(clone, files):
    laid = lay(clone, files)
    made = addition.commit(laid, "Retrain")
    addition.push(laid, made, addition.tip(laid, remote=True))
    return laid, made


def test_the_branch_holds_the_new_pointer_upon_main_and_the_work_tree_is_untouched(cat, origin):
    (cat.root / "mine.txt").write_text("work in progress")
    laid, made = pushed(cat, {"a.csv": b"more"})
    assert origin.git("rev-parse", addition.REF) == made
    assert cat.git("rev-parse", f"{made}^") == laid.tree
    assert cat.git("diff", "--name-only", laid.tree, made) == "data.dvc"
    assert cat.git("status", "--porcelain", "--untracked-files=no") == ""
    assert (cat.root / "mine.txt").read_text() == "work in progress"


def test_a_day_later_it_is_made_anew_upon_the_main_of_that_day(cat, origin):
    pushed(cat, {"a.csv": b"more"})
    laid, made = pushed(cat, {"a.csv": b"more", "b.csv": b"and more"})
    assert origin.git("rev-parse", addition.REF) == made
    assert origin.git("rev-parse", f"{addition.REF}^") == laid.tree


def test_the_same_content_upon_the_same_main_is_there_already(cat):
    laid, made = pushed(cat, {"a.csv": b"more"})
    again = addition.commit(laid, "Another title")
    assert addition.is_there(cat.root, again, made)
    assert not addition.is_there(cat.root, again, "")
    assert not addition.is_there(cat.root, addition.commit(lay(cat, {"a.csv": b"less"}), "Retrain"), made)


@pytest.mark.parametrize("words", [["--message", "mine"], ["--amend", "--no-edit"]])
@pytest.mark.parametrize("file", ["notes.txt", "data.dvc", ".dvc/config"])
def test_a_persons_commit_on_it_is_named_and_left_alone(cat, origin, words, file):
    laid, made = pushed(cat, {"a.csv": b"more"})
    cat.git("switch", "--quiet", "--detach", made)
    (cat.root / file).write_text("x")
    cat.git("add", file)
    cat.git("commit", "--quiet", *words)
    cat.git("push", "--quiet", "--force", "origin", f"HEAD:{addition.REF}")
    with pytest.raises(BadInput, match=r"the branch retrain holds the commit \w+ (mine|Retrain) \([Aa]nn\)"):
        addition.tip(laid, remote=True)
    assert origin.git("rev-parse", addition.REF) == cat.git("rev-parse", "HEAD")


def test_main_merged_into_it_by_a_button_is_nobodys_work(cat):
    laid, made = pushed(cat, {"a.csv": b"more"})
    cat.git("commit", "--quiet", "--allow-empty", "--message", "main moves on")
    cat.git("switch", "--quiet", "--detach", made)
    cat.git("merge", "--quiet", "--no-ff", "--message", "Merge main", "main")
    cat.git("push", "--quiet", "origin", f"HEAD:{addition.REF}")
    main = Workspace.lay(cat.root, cat.git("rev-parse", "main"), laid.folder)
    assert addition.tip(main, remote=True) == cat.git("rev-parse", "HEAD")


def test_upon_a_newer_main_by_the_rebase_of_a_button_it_is_nobodys_work(cat):
    """GitHub's "Update with rebase" makes another commit of the same change."""
    laid, made = pushed(cat, {"a.csv": b"more"})
    (cat.root / "words.txt").write_text("main moves on")
    cat.commit()
    cat.git("switch", "--quiet", "--detach", made)
    cat.git("rebase", "--quiet", "main")
    cat.git("push", "--quiet", "--force", "origin", f"HEAD:{addition.REF}")
    main = Workspace.lay(cat.root, cat.git("rev-parse", "main"), laid.folder)
    assert addition.tip(main, remote=True) == cat.git("rev-parse", "HEAD") != made


def test_what_came_to_the_branch_meanwhile_is_not_overwritten(cat):
    laid, _ = pushed(cat, {"a.csv": b"more"})
    with pytest.raises(BadInput, match="stale info"):
        addition.push(laid, addition.commit(laid, "Again"), laid.tree)


def test_without_a_remote_the_branch_is_a_local_one(cat, origin):
    laid = lay(cat, {"a.csv": b"more"})
    made = addition.commit(laid, "Retrain")
    addition.keep(cat.root, made)
    assert addition.tip(laid, remote=False) == made
    assert addition.REF not in origin.git("for-each-ref")
