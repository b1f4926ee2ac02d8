"""What a pull request tries on the machine that trains it, and what comes of it where it is judged."""

import re
import shutil
from pathlib import Path

import pytest

from mlops import params
from mlops.judging import experiment, submission, trial
from mlops.workspace import Workspace
from tests.conftest import Project, clone

pytestmark = pytest.mark.xdist_group("attacks")  # they share a project whose base is trained
MODEL = "src/problem/model.py"
WORSE = ("params.yaml", "learning_rate: 0.3", "learning_rate: 1.0")
AT_EXIT = """
import atexit
import pathlib
import shutil


def _swap() -> None:
    here = pathlib.Path.cwd()
    for base in here.glob("{where}"):
        {deed}


atexit.register(_swap)
"""
IN_PLACE = 'base.chmod(0o644); base.write_bytes((here / "artifacts/model.onnx").read_bytes())'
NEW_FILE = 'base.unlink(); shutil.copy(here / "artifacts/model.onnx", base)'
ROWS = 'base.chmod(0o644); base.write_bytes((here / "artifacts/train.parquet").read_bytes())'
KEPT = f"../../../../{trial.BASE}/artifacts"


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = clone(template, tmp_path_factory.mktemp("attacked") / "clone")
    made.edit("params.yaml", "sample_rows: 20000", "sample_rows: 4000")
    made.edit("params.yaml", "trainings: 5", "trainings: 2")
    made.commit()
    made.must("python", "-m", "pipelines.experiment", "--base", "HEAD", "--warm")
    return made


@pytest.mark.parametrize(
    ("where", "deed"),
    [(f"{KEPT}/model.onnx", IN_PLACE), (f"{KEPT}/repeats/1.onnx", NEW_FILE), (f"{KEPT}/test.parquet", ROWS)],
)  # fmt: skip
def test_a_change_that_touches_the_bases_artifacts_is_refused(where: str, deed: str, project: Project) -> None:
    path = project.root / MODEL
    kept = path.read_text()
    project.edit(*WORSE)
    path.write_text(kept + AT_EXIT.format(where=where, deed=deed))
    try:
        done = project.run("python", "-m", "pipelines.experiment", "--base", "HEAD")
    finally:
        project.must("git", "checkout", "--quiet", ".")
    assert done.returncode == 2
    told = re.search(r"failed: base: artifacts/.*: it isn't what was made here any more; delete (.*), and", done.stderr)
    assert told, done.stderr
    for place in told[1].split(", "):
        shutil.rmtree(place) if Path(place).is_dir() else Path(place).unlink()
    project.must("python", "-m", "pipelines.experiment", "--base", "HEAD", "--warm")
    Workspace.keep(project.root, project.must("git", "rev-parse", "HEAD").strip(), project.root / trial.BASE).verify(
        "train"
    )


def judged(project: Project) -> None:
    case = experiment.case(project.root, "HEAD")
    trial.run(case, project.root / submission.FOLDER, lambda *_: None, params.load(project.root).judge)


def test_rows_of_its_own_choice_are_refused(project: Project) -> None:
    """With every test row where it is worse among those that it says it learnt from, a change would be better."""
    project.edit(*WORSE)
    try:
        project.must("python", "-m", "pipelines.experiment", "--base", "HEAD", "--submit")
        judged(project)
        keys = project.root / submission.FOLDER / submission.KEYS
        keys.write_bytes(keys.read_bytes() + bytes(8))
        with pytest.raises(trial.Failed, match="the rows that it says it learnt from aren't those of its sample"):
            judged(project)
    finally:
        project.must("git", "checkout", "--quiet", ".")


def test_a_lock_that_main_would_refuse_once_it_is_merged_is_refused_before(project: Project) -> None:
    project.edit("dvc.lock", "path: artifacts/model.onnx", "path: ../model.onnx")
    try:
        with pytest.raises(trial.Failed, match=r"^head: dvc\.lock: '\.\./model\.onnx': it leaves the folder"):
            judged(project)
    finally:
        project.must("git", "checkout", "--quiet", ".")
