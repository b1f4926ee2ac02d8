"""What the template says of itself and its example: the README's commands and quotes, the bundle, the benchmarks."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, Project, clone

README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.strip().splitlines()]
RUN_ELSEWHERE = {"make test": "this is it", "make demo": "test_demo", 'make reproduce ARGS="HEAD"': "test_pipeline"}


def test_commands_of_the_readme_run_in_the_order_given(quicker: Path, tmp_path: Path, shared: Path) -> None:
    project = clone(quicker, tmp_path / "clone", shared)
    for command in COMMANDS:
        if command not in RUN_ELSEWHERE:
            project.must("bash", "-c", command.replace("make experiment", 'make experiment ARGS="--sample 8000"'))
    assert (project.root / "experiment/report.md").read_text().startswith("### Better")


def test_demo_prints_what_the_readme_quotes_and_where_the_reports_lie(project: Project) -> None:
    done = project.run("python", "-m", "rehearsal.demo")
    assert done.returncode == 0, done.stdout + done.stderr
    quoted = [line for line in README.splitlines() if line.startswith("### ")]
    assert len(quoted) == 5
    assert [line for line in quoted if line not in done.stdout] == []
    reports = re.findall(r"The full comment: (.*)", done.stdout)
    assert len(reports) == 2
    assert all((project.root / path).exists() for path in reports)


def test_bundle_is_rebuilt_with_the_same_hashes(project: Project) -> None:
    assert project.must("nox", "-s", "bundle") == "identical: 9 files\n"
    project.edit("pipelines/bundle.py", "> 15)", "> 20)")
    done = project.run("nox", "-s", "bundle")
    assert done.returncode == 1
    assert "live/2013-09.parquet: differs" in done.stdout


@pytest.mark.parametrize("name", ["drift", "experiment", "faults", "rehearsal", "scale", "serving", "swap", "verdict"])
def test_benchmark_runs_in_its_quick_form(name: str, project: Project) -> None:
    project.must("dvc", "pull", "--quiet", "data.dvc")
    done = project.run("python", "-m", f"benchmarks.{name}", "--quick", "--json", "claims.json")
    assert (project.root / "claims.json").exists(), done.stderr
    claims = json.loads((project.root / "claims.json").read_bytes())["claims"]
    assert done.returncode == (0 if all(claim["holds"] for claim in claims) else 1), done.stderr
    assert {"claim", "measured", "limit", "holds"} <= set(claims[0])


def test_problem_stays_small() -> None:
    assert sum(len(path.read_text().splitlines()) for path in (ROOT / "src/problem").glob("*.py")) <= 150
