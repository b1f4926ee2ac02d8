"""A stranger's table from `nox -s adopt` to its first report, and changes of it that are judged as they should be."""

import json
from pathlib import Path

import pytest

from tests.conftest import Project

pytestmark = pytest.mark.xdist_group("adopt")  # so that the table is adopted once


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
    assert done.returncode == 2
    assert "'echo' tells the target alone" in done.stderr
    assert "say `--yes` to leave these columns out" in done.stderr
    assert diabetes.must("git", "status", "--porcelain") == ""
