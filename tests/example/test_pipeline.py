"""The stages under DVC, on the real flights: what reruns, what stays, what the bytes are."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Project, clone

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def stale(project: Project) -> set[str]:
    """Stages with a changed dependency that no other stage makes."""
    status = json.loads(project.must("dvc", "status", "--json"))
    changed = {
        name: [path for reason in reasons if isinstance(reason, dict) for paths in reason.values() for path in paths]
        for name, reasons in status.items()
    }
    return {name for name in STAGES if any(not path.startswith("artifacts/") for path in changed.get(name, []))}


@pytest.fixture(scope="session")
def built_once(template: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = clone(template, tmp_path_factory.mktemp("built") / "clone", shared)
    project.must("dvc", "repro", "--pull", "--quiet")
    return project.root


@pytest.fixture
def built(built_once: Path, tmp_path: Path) -> Project:
    """A project whose pipeline has run."""
    return Project(shutil.copytree(built_once, tmp_path / "clone", symlinks=True))


def test_fresh_clone_pulls_everything_and_leaves_nothing_open(fresh_clone: Project) -> None:
    fresh_clone.must("dvc", "pull")
    assert (fresh_clone.root / "artifacts/model.onnx").exists()
    assert stale(fresh_clone) == set()  # else: `dvc repro`, and commit dvc.lock
    assert (fresh_clone.root / "live/2013-09.parquet").exists()
    assert fresh_clone.must("git", "status", "--porcelain") == ""


def test_second_run_does_nothing(built: Project) -> None:
    assert "Running stage" not in built.must("dvc", "repro")
    assert stale(built) == set()


@pytest.mark.parametrize(
    ("file", "reruns"),
    [
        ("src/mlops/judging/metrics.py", {"evaluate"}),
        ("src/mlops/training/export.py", {"train"}),
        ("src/mlops/training/split.py", {"prepare"}),
        ("src/mlops/training/rules.py", {"validate", "prepare"}),
        ("src/mlops/judging/report.py", set()),
        ("README.md", set()),
    ],
)
def test_change_of_a_module_reruns_what_imports_it_and_nothing_else(
    file: str, reruns: set[str], built: Project
) -> None:
    (built.root / file).write_text((built.root / file).read_text() + "\n# changed\n")
    assert stale(built) == reruns


def test_raising_a_tool_that_does_not_train_reruns_nothing(built: Project) -> None:
    built.edit("pyproject.toml", '"nox==', '"nox>=')
    built.edit("uv.lock", 'name = "ruff"\nversion = "', 'name = "ruff"\nversion = "9')
    assert stale(built) == set()


def test_raising_a_library_that_trains_reruns_training(built: Project) -> None:
    built.edit("pyproject.toml", '"scikit-learn==1.9.1"', '"scikit-learn==1.9.2"')
    assert stale(built) == {"train"}


def test_sampled_run_differs_by_params_alone(built: Project) -> None:
    full = json.loads((built.root / "artifacts/model.json").read_bytes())["rows"]
    built.edit("params.yaml", "sample_rows: null", "sample_rows: 8000")
    assert stale(built) == {"prepare"}
    built.must("dvc", "repro", "--quiet", "train")
    assert 4000 < json.loads((built.root / "artifacts/model.json").read_bytes())["rows"] <= 8000 < full


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            "src/problem/schema.py",
            '"late": column("integer", "target"',
            '"late": column("integer", "target", "input"',
            "'late'",
        ),
        ("params.yaml", "learning_rate: 0.3", "learning_rat: 0.3", "did you mean 'learning_rate'?"),
        ("params.yaml", "learning_rate: 0.3", "learning_rate: 3", "train.model"),
        ("params.yaml", "sample_rows: null", "sample_row: null", "did you mean 'sample_rows'?"),
        ("params.yaml", "test_period: month", "test_period: decade", "prepare.test_period"),
    ],
)
def test_bad_input_stops_the_pipeline_and_loses_nothing(
    file: str, old: str, new: str, says: str, built: Project
) -> None:
    before = {path: path.read_bytes() for path in (built.root / "artifacts").rglob("*") if path.is_file()}
    built.edit(file, old, new)
    done = built.run("dvc", "repro")
    assert done.returncode != 0
    assert says in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert {path: path.read_bytes() for path in before} == before


def test_broken_data_stops_the_pipeline_and_loses_nothing(built: Project) -> None:
    before = {path: path.read_bytes() for path in (built.root / "artifacts").rglob("*") if path.is_file()}
    part = built.root / "data/2013-03.parquet"
    content = part.read_bytes()
    part.unlink()
    part.write_bytes(content[:5000])
    done = built.run("dvc", "repro")
    assert done.returncode != 0
    assert "data/2013-03.parquet: can't be read" in done.stderr + done.stdout
    assert {path: path.read_bytes() for path in before} == before


def test_training_twice_gives_the_same_bytes(project: Project) -> None:
    project.edit("params.yaml", "sample_rows: null", "sample_rows: 8000")
    project.commit()
    done = project.step("reproduce", "HEAD")
    assert done.stdout.startswith("identical\n"), done.stdout + done.stderr
    assert done.returncode == 0


def test_training_that_differs_is_told_apart(project: Project) -> None:
    project.edit("src/problem/model.py", "random_state=seed", "max_features=0.5,\n        random_state=None")
    project.edit("params.yaml", "trees: 100", "trees: 10")
    project.edit("params.yaml", "sample_rows: null", "sample_rows: 8000")
    project.commit()
    done = project.step("reproduce", "HEAD")
    assert done.returncode == 1
    assert "artifacts/model.onnx: differs, first in node TreeEnsemble" in done.stdout
