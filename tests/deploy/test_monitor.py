"""The monitor's image and CronJob: libraries without code, a clone that is enough, and options that are understood."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from mlops.contract import BadInput
from mlops.objects import Objects
from mlops.releasing import registry
from mlops.releasing.branch import Branch
from mlops.releasing.registry import Registry
from tests import packages
from tests.conftest import ENVIRONMENT, ROOT, Project
from tests.deploy.conftest import Json, containers, one, pod, started, unknown
from tests.deploy.test_containerfile import CONTAINERFILE, copied, stage

pytestmark = pytest.mark.xdist_group("kubernetes")
GRAPH = b"a model"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with v1.0.0 in production, whose commit is on no branch, and whose model is on dvc-storage."""
    folder, md5 = tmp_path_factory.mktemp("released"), hashlib.md5(GRAPH, usedforsecurity=False).hexdigest()
    ann, bare = Project(folder / "ann"), folder / "origin.git"
    outs = [{"path": "artifacts/model.onnx", "md5": md5}]
    files = {".dvc/config": (ROOT / ".dvc/config").read_text(), "main.py": "", "model.onnx": GRAPH.decode()}
    lock = {"dvc.lock": yaml.safe_dump({"stages": {"train": {"outs": outs}}})}
    for root, *options in ((ann.root,), (bare, "--bare")):
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", *options, root], check=True)
    for option in ("allowFilter", "allowAnySHA1InWant"):  # as GitHub does
        subprocess.run(["git", "-C", bare, "config", f"uploadpack.{option}", "true"], check=True)
    ann.must("git", "remote", "add", "origin", str(bare))
    for added in (files, {"main.py": "changed"}, lock):
        for name, text in added.items():
            (ann.root / name).parent.mkdir(exist_ok=True)
            (ann.root / name).write_text(text)
        ann.commit()
    for tag in ("model@v1.0.0", "model#prod#1"):
        ann.must("git", "tag", "--annotate", "--message", "why", tag)
    Branch(ann.root).send({md5: ann.root / "model.onnx"})
    ann.must("git", "push", "--quiet", "origin", "HEAD~1:refs/heads/main", "--tags")
    return bare


@pytest.fixture
def job(rendered: dict[str, list[Json]]) -> list[Json]:
    """The overlays' is the same."""
    return rendered["production"]


def clone(resources: list[Json], origin: Path, folder: Path, without: str = "") -> Path:
    """What the first container brings from an origin, `without` one of its options."""
    given = {"$(REMOTE)": f"file://{origin}", "/project": str(folder)}
    command = containers(pod(resources, "CronJob"))[0]["command"]
    subprocess.run([given.get(word, word) for word in command if word != without], env=ENVIRONMENT, check=True)
    return folder


def produced(folder: Path) -> bytes:
    """The model in production, as a clone knows it."""
    known = Registry.read(folder)
    commit = known.commit(str(known.current("prod")))
    return Objects(folder, commit).get(registry.outputs(folder, commit)["artifacts/model.onnx"])


def test_its_clone_knows_what_is_in_production_and_no_history(job: list[Json], origin: Path, tmp_path: Path) -> None:
    project = Project(clone(job, origin, tmp_path / "project"))
    assert produced(project.root) == GRAPH
    assert (project.root / "main.py").read_text() == "changed"
    assert project.must("git", "rev-list", "--count", "HEAD") == "1\n"


def test_clone_of_main_alone_is_not_enough(job: list[Json], origin: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such version"):
        produced(clone(job, origin, tmp_path / "project", without="--no-single-branch"))


def test_it_looks_at_the_week_and_then_at_the_month(job: list[Json]) -> None:
    looks = [look.get("args", []) for look in started(job, "monitor")]
    assert [dict(zip(args[::2], args[1::2], strict=True)).get("--days") for args in looks] == [None, "30"]
    known = " ".join(re.findall(r'add_argument\("(--\w+)"', (ROOT / "pipelines/monitor.py").read_text()))
    assert [unknown(args, known) for args in looks] == [set(), set()]
    assert unknown([*looks[1], "--dayz"], known) == {"--dayz"}


def test_one_runs_at_a_time_and_each_try_begins_anew(job: list[Json]) -> None:
    """A container that is started again in the same pod would find a clone there, and refuse."""
    assert one(job, "CronJob")["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod(job, "CronJob")["restartPolicy"] == "Never"


def lacking(text: str = CONTAINERFILE) -> set[str]:
    """Libraries that the monitor's step imports, or loads for PostgreSQL, and that its image's groups don't bring."""
    groups = re.findall(r"--group (\w+)", re.findall(r"uv sync (.*)$", stage("monitor-build", text), re.MULTILINE)[0])
    needed = packages.libraries(ROOT / "pipelines/monitor.py") | {"psycopg": {"psycopg"}}
    return packages.lacking(needed, *groups)


def test_monitor_has_git_every_library_that_it_imports_and_no_code() -> None:
    assert lacking() == set()
    assert copied("monitor") == {"pyproject.toml", "uv.lock"}
    assert re.search("^FROM git AS monitor$", CONTAINERFILE, re.MULTILINE)
    assert re.search(r"apt-get install .* git( |$)", stage("git"), re.MULTILINE)


def test_library_that_no_group_brings_is_noticed() -> None:
    assert lacking(CONTAINERFILE.replace("--group service --group ${STORAGE}", "")) == {"psycopg", "sqlalchemy"}
