"""Reading an object for the agent: from the branch, a folder, a real S3 server, else from what is bundled."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops.contract import BadInput
from mlops.objects import Objects, Remote
from mlops.pointers import relative
from mlops.releasing import moving, storage
from tests.conftest import ROOT
from tests.mlops.releasing.conftest import Clone, digest

Make = Callable[[str], Clone]


@pytest.fixture
def pushed(clone: Make) -> Clone:
    """A clone whose new data is on the origin's branch."""
    ann = clone("ann")
    ann.add({"a.csv": b"new"})
    storage.push(ann.root)
    ann.commit()
    ann.git("push", "--quiet", "origin", "main")
    return ann


@pytest.mark.usefixtures("pushed")
def test_object_of_the_branch_is_read_from_a_bare_repository(origin: Clone) -> None:
    assert Objects(origin.root, "main").get(digest(b"new")) == b"new"


@pytest.mark.usefixtures("pushed")
def test_object_of_the_branch_is_read_from_a_clone_that_only_fetched(clone: Make) -> None:
    bob = clone("bob")
    assert bob.git("for-each-ref", "refs/heads/dvc-storage") == ""
    assert Objects(bob.root, "HEAD").get(digest(b"new")) == b"new"


def test_bundled_object_is_read_from_the_commit_itself(origin: Clone) -> None:
    """There is no branch yet."""
    assert Objects(origin.root, "main").get(digest(b"bundled")) == b"bundled"


def test_bundled_object_of_another_commit_is_not_read(clone: Make) -> None:
    ann = clone("ann")
    ann.git("rm", "-r", "--quiet", ".dvc/seed")
    ann.commit()
    with pytest.raises(BadInput, match=r"missing in the branch dvc-storage and \.dvc/seed"):
        Objects(ann.root, "HEAD").get(digest(b"bundled"))
    assert Objects(ann.root, "HEAD~1").get(digest(b"bundled")) == b"bundled"


def test_missing_object_is_named_with_its_place_and_the_remedy(pushed: Clone) -> None:
    md5 = digest(b"nobody has it")
    with pytest.raises(BadInput, match=f"{md5} is missing in the branch dvc-storage .*`nox -s storage -- push`"):
        Objects(pushed.root, "HEAD").get(md5)


def test_damaged_object_of_the_branch_is_refused(pushed: Clone, tmp_path: Path) -> None:
    work = Clone(tmp_path / "branch")
    pushed.git("worktree", "add", "--quiet", "--force", str(work.root), "dvc-storage")
    (work.root / relative(digest(b"new"))).write_bytes(b"old")
    work.commit()
    work.git("push", "--quiet", "origin", "dvc-storage")
    with pytest.raises(BadInput, match=f"{digest(b'new')} is damaged in the branch dvc-storage"):
        Objects(pushed.root, "HEAD").get(digest(b"new"))
    assert storage.push(pushed.root).sent == 0
    assert storage.push(pushed.root, check=True).sent == 1
    assert Objects(pushed.root, "HEAD").get(digest(b"new")) == b"new"


def test_damaged_bundled_object_is_refused(clone: Make) -> None:
    ann = clone("ann")
    (ann.root / ".dvc/seed" / relative(digest(b"bundled"))).write_bytes(b"something else")
    ann.commit()
    with pytest.raises(BadInput, match=r"is damaged in .*\.dvc/seed"):
        Objects(ann.root, "HEAD").get(digest(b"bundled"))


@pytest.mark.parametrize("name", ["", "main", "../../../config", "d41d8cd98f00b204e9800998ecf8427e/x"])
def test_name_that_is_no_md5_is_refused(name: str, origin: Clone) -> None:
    with pytest.raises(BadInput, match="not the MD5 of an object"):
        Objects(origin.root, "main").get(name)


def test_object_in_a_bucket_is_read_and_verified(pushed: Clone, s3: str) -> None:
    moving.move(pushed.root, Remote("s3://models/objects", s3))
    pushed.commit()
    objects = Objects(pushed.root, "HEAD")
    assert objects.get(digest(b"new")) == b"new"
    system, root = storage.remote(pushed.root).open()
    system.pipe_file(f"{root}/{relative(digest(b'new'))}", b"old")
    with pytest.raises(BadInput, match=f"{digest(b'new')} is damaged in s3://models/objects"):
        objects.get(digest(b"new"))
    system.rm_file(f"{root}/{relative(digest(b'new'))}")
    with pytest.raises(BadInput, match=f"{digest(b'new')} is missing in s3://models/objects"):
        objects.get(digest(b"new"))


def test_commit_before_the_move_is_still_read_from_the_branch(pushed: Clone, s3: str) -> None:
    moving.move(pushed.root, Remote("s3://models/other", s3))
    pushed.commit()
    system, root = storage.remote(pushed.root).open()
    system.rm(root, recursive=True)
    assert Objects(pushed.root, "HEAD~1").get(digest(b"new")) == b"new"


def test_bucket_that_refuses_is_named(pushed: Clone, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moving.move(pushed.root, Remote("s3://models/third", s3))
    pushed.commit()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    Remote("s3://models/third", s3).open()[0].clear_instance_cache()
    with pytest.raises(BadInput, match=r"can't be read from s3://models/third: Forbidden"):
        Objects(pushed.root, "HEAD").get(digest(b"new"))


def test_config_without_the_remote_says_how_to_add_it() -> None:
    with pytest.raises(BadInput, match="no remote called 'storage'; add one with `nox -s storage -- URL`"):
        Remote.read("[core]\n    remote = seed\n")
    assert Remote.read("['remote \"storage\"']\n    url = s3://b/p\n").url == "s3://b/p"


def test_agent_needs_no_dvc() -> None:
    code = "import sys, mlops.objects; print([m for m in sys.modules if m in ('dvc', 'pandas', 'rich')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
