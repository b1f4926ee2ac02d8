"""Storage end to end: the git hooks, two people, a job without credentials, and a move to a real S3 server."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from mlops.pointers import relative
from tests.conftest import ENVIRONMENT, Project, clone
from tests.servers import KEYS, seaweed

Make = Callable[[str], Project]


@pytest.fixture
def person(template: Path, tmp_path: Path) -> Make:
    """Makes clones of a bare origin, by name."""
    origin = tmp_path / "origin.git"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", "--single-branch", "--branch=main", template, origin],
        env=ENVIRONMENT,
        check=True,
    )
    return lambda name: clone(origin, tmp_path / name)


def add_june(project: Project) -> None:
    project.must("dvc", "pull", "--quiet", "data.dvc", "live.dvc")
    shutil.copy(project.root / "live/2013-06.parquet", project.root / "data/2013-06.parquet")
    project.must("dvc", "add", "--quiet", "data")


def test_hooks_take_new_data_out_of_the_bundle_and_along_with_the_push(person: Make) -> None:
    ann, bob = person("ann"), person("bob")
    ann.must("nox", "-s", "hooks")
    add_june(ann)
    refused = ann.run("git", "commit", "--quiet", "--all", "--message", "June")
    assert refused.returncode == 1
    assert "commit it" in refused.stderr
    ann.must("git", "commit", "--quiet", "--all", "--message", "June")
    pushed = ann.run("git", "push", "origin", "change")
    assert pushed.returncode == 0, pushed.stderr
    assert ann.must("git", "status", "--porcelain") == ""
    bob.must("git", "fetch", "--quiet")
    bob.must("git", "switch", "--quiet", "--detach", "origin/change")
    bob.must("nox", "-s", "storage", "--", "pull")
    assert (bob.root / "data/2013-06.parquet").read_bytes() == (ann.root / "live/2013-06.parquet").read_bytes()
    assert bob.must("git", "status", "--porcelain") == ""
    assert bob.must("dvc", "status", "data.dvc", "live.dvc") == "Data and pipelines are up to date.\n"


def test_hook_is_silent_where_the_data_is_bundled(person: Make) -> None:
    ann = person("ann")
    done = ann.step("storage", "push", "--hook")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "origin/dvc-storage" not in ann.must("git", "branch", "--all")


def test_job_without_credentials_finds_what_was_pushed(person: Make) -> None:
    ann = person("ann")
    add_june(ann)
    assert ann.step("storage", "push").returncode == 1  # .dvc/config is to be committed, too
    ann.commit("June")
    ann.must("git", "push", "--quiet", "origin", "change")
    job = person("job")
    job.must("git", "switch", "--quiet", "--detach", "origin/change")
    job.must("git", "remote", "set-url", "origin", "/nowhere")
    assert job.run("dvc", "pull", "--quiet").returncode == 1
    job.must("python", "-m", "pipelines.storage", "ready", VARIABLES="{}")
    job.must("dvc", "pull", "--quiet")
    assert (job.root / "data/2013-06.parquet").exists()


def test_job_that_may_not_log_in_says_so_and_goes_on(person: Make) -> None:
    done = person("job").must("python", "-m", "pipelines.storage", "ready", VARIABLES=json.dumps({"AWS_ROLE_ARN": "a"}))
    assert done.startswith("This job may not ask GitHub for an identity token")


READ_ALL = """
import pipelines
from pathlib import Path
from mlops.pointers import needed
from mlops.objects import Objects
objects = Objects(Path("../origin.git"), "change")
print(len([objects.get(md5) for md5 in needed(Path())]), "objects")
"""


def test_everything_moves_to_a_bucket_and_is_read_from_there_alone(person: Make, tmp_path: Path) -> None:
    ann, bob, cleo = person("ann"), person("bob"), person("cleo")
    add_june(ann)
    with seaweed(tmp_path / "s3") as url:
        told = ann.must("nox", "-s", "storage", "--", "s3://models/flights", "--endpoint", url, **KEYS)
        assert "s3://models/flights is the storage now: 22 objects" in told
        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in (ann.root / ".dvc/config").read_text()
        ann.must("git", "rm", "-r", "--quiet", ".dvc/seed")
        ann.commit("June, and nothing is bundled any more")
        assert ann.must("python", "-m", "pipelines.storage", "push", **KEYS).startswith("0 new objects")
        ann.must("git", "push", "--quiet", "origin", "change")
        for one in (bob, cleo):
            one.must("git", "pull", "--quiet", "origin", "change")
        bob.must("dvc", "pull", "--quiet", **KEYS)
        assert bob.must("git", "status", "--porcelain") == ""
        assert bob.must("python", "-c", READ_ALL, **KEYS) == "12 objects\n"
        damage(url, bob.root / "data/2013-06.parquet")
        assert cleo.run("dvc", "pull", "--quiet", "data.dvc", **KEYS).returncode == 1
    assert (bob.root / "data/2013-06.parquet").exists()
    assert not (cleo.root / "data/2013-06.parquet").exists()


def damage(url: str, file: Path) -> None:
    """Let the bucket's copy of a file hold as many other bytes."""
    md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    key, secret, _ = KEYS.values()
    system = fsspec.filesystem("s3", key=key, secret=secret, endpoint_url=url)
    system.pipe_file(f"models/flights/{relative(md5)}", bytes(file.stat().st_size))
