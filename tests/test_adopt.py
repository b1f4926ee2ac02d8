"""A stranger's table from `nox -s adopt` to its first report, and changes of it that are judged as they should be.

Features and model are linear ones, so that this says the same whatever src/problem has become.
"""

import json
import shutil
from pathlib import Path

import pytest

from mlops.workspace import Workspace
from tests.conftest import Project, clone
from tests.strangers import STRANGERS

pytestmark = pytest.mark.xdist_group("adopt")  # so that the table is adopted once
FEATURES = """from sklearn.preprocessing import StandardScaler


def build(schema):
    return StandardScaler()
"""
MODEL = """from typing import Annotated

from msgspec import Meta
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from mlops.contract import Strict
from problem import features


class Settings(Strict, frozen=True):
    strength: Annotated[float, Meta(gt=0)]


def build(settings, schema, seed):
    if schema.task == "regression":
        learner = Ridge(alpha=settings.strength)
    else:
        learner = LogisticRegression(C=settings.strength)
    return Pipeline([("features", features.build(schema)), ("model", learner)])
"""


def linear(template: Path, folder: Path, shared: Path) -> Project:
    """A clone with a linear model, on main."""
    project = clone(template, folder / "clone", shared)
    (project.root / "src/problem/features.py").write_text(FEATURES)
    (project.root / "src/problem/model.py").write_text(MODEL)
    here = Workspace(project.root, "HEAD", project.root)
    here.set_params("train", model={"strength": 1.0})
    here.set_params("judge", trainings=2)  # which is quicker
    project.commit("A linear model")
    return project


def adopted(project: Project, name: str) -> tuple[Project, str]:
    """The project with a stranger's table in the place of what was there, and what was said."""
    make, wish = STRANGERS[name]
    table = project.root.parent / "table"
    table.mkdir()
    options = ["--target", wish.target, *(["--time", wish.time] if wish.time else []), "--yes"]
    return project, project.must("python", "-m", "pipelines.adopt", str(make(table)), *options)


@pytest.fixture(scope="module")
def diabetes_once(template: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    return adopted(linear(template, tmp_path_factory.mktemp("diabetes"), shared), "diabetes")


@pytest.fixture
def diabetes(diabetes_once: tuple[Project, str], tmp_path: Path) -> Project:
    return Project(shutil.copytree(diabetes_once[0].root, tmp_path / "clone", symlinks=True))


def artifact(project: Project, name: str) -> dict[str, float]:
    content: dict[str, float] = json.loads((project.root / "artifacts" / name).read_bytes())
    return content


def test_a_regression_is_adopted_in_one_commit_and_reported_on(diabetes_once: tuple[Project, str]) -> None:
    project, said = diabetes_once
    assert project.must("git", "status", "--porcelain") == ""
    assert project.must("git", "log", "-1", "--format=%s") == "Predict target from `diabetes.csv`\n"
    assert "- `target` is the target: an amount (regression)" in said
    assert "### Inconclusive: squared error" in said
    assert "rows chosen by hash" in said
    assert "so few test rows show large effects only" in said
    assert "predict nearly the same" in said  # another seed is all that the first experiment of a linear model tries
    assert set(artifact(project, "metrics.json")) == {"squared_error", "rmse", "mae", "r2", "bias"}
    assert 0.2 < artifact(project, "metrics.json")["r2"] < 0.8
    assert not (project.root / "tests/example").exists()
    assert not (project.root / ".dvc/seed").exists()
    assert "`target` (regression) from 10 inputs" in (project.root / "README.md").read_text()


def test_what_adopting_did_is_undone_by_the_command_that_it_says(diabetes: Project, diabetes_once) -> None:
    command = diabetes_once[1].splitlines()[-1].partition("To go back: ")[2]
    before = diabetes.must("git", "rev-parse", "HEAD~1")
    diabetes.must("bash", "-c", command.partition(" && ")[0])  # tests/example has the rest: only there data is bundled
    assert diabetes.must("git", "rev-parse", "HEAD") == before
    assert diabetes.must("git", "status", "--porcelain") == ""


def test_a_worse_model_of_the_adopted_table_is_refused(diabetes: Project) -> None:
    diabetes.edit("params.yaml", "strength: 1.0", "strength: 100000.0")
    done = diabetes.experiment("--base", "HEAD")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("### Worse: squared error")


def test_a_harmless_change_on_the_adopted_table_is_accepted(diabetes: Project) -> None:
    diabetes.edit("params.yaml", "strength: 1.0", "strength: 1.1")
    done = diabetes.experiment("--base", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_doubt_stops_it_where_nobody_can_be_asked(diabetes: Project, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,echo,y\n" + "".join(f"{i % 7},{i % 2},{i % 2}\n" for i in range(100)))
    done = diabetes.step("adopt", str(tmp_path / "a.csv"), "--target", "y")
    assert done.returncode == 1
    assert "'echo' tells the target alone" in done.stderr
    assert "say `--yes` to leave these columns out" in done.stderr
    assert diabetes.must("git", "status", "--porcelain") == ""
