"""The repository itself: what it says of itself is true."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from pipelines import schema
from tests.conftest import ROOT, Project, group

README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.strip().splitlines()]
RUN_ELSEWHERE = {"make test": "this is it", "make demo": "test_demo", 'make reproduce ARGS="HEAD"': "test_pipeline"}


@pytest.fixture(scope="module")
def sessions() -> set[str]:
    listed = subprocess.run(["nox", "--list"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"^[*-] (\w+) ->", listed.stdout, re.MULTILINE))


def test_every_session_that_a_document_names_exists(sessions: set[str]) -> None:
    documents = [README, (ROOT / "CONTRIBUTING.md").read_text(), (ROOT / "src/mlops/judging/report.py").read_text()]
    found = [name for text in documents for name in re.findall(r"(?:nox -s|`make|^make) (\w+)", text, re.MULTILINE)]
    named = set(found) - {"NAME"}
    assert len(named) > 8
    assert named <= sessions


def test_commands_of_the_readme_run_in_the_order_given(project: Project) -> None:
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


@pytest.mark.parametrize("path", schema.FILES)
def test_json_schema_is_the_one_of_its_records(path: str) -> None:
    assert json.loads((ROOT / path).read_bytes()) == schema.schema(*schema.FILES[path])


def test_every_guard_that_the_principles_name_is_there() -> None:
    rows = [line.split("|") for line in (ROOT / "docs/principles.md").read_text().splitlines() if line[:4] == "| **"]
    guards = [re.findall(r"`([\w/.]+\.py)(?:::(\w+))?`", row[3]) for row in rows]
    assert len(rows) >= 8
    assert all(guards), "a principle that nothing checks"
    texts = {path: (ROOT / path).read_text() for guard in guards for path, _ in guard}
    assert [name for guard in guards for path, name in guard if f"def {name}" not in texts[path]] == []
    assert len([name for guard in guards for _, name in guard if name]) > 20


def test_problem_stays_small_and_makefile_too() -> None:
    problem = sum(len(path.read_text().splitlines()) for path in (ROOT / "src/problem").glob("*.py"))
    assert problem <= 150
    assert len((ROOT / "Makefile").read_text().splitlines()) <= 20


def test_steps_stay_thin() -> None:
    """A step reads, calls, writes: forty lines, its options and docstring aside."""
    long = {
        path.name: lines
        for path in (ROOT / "pipelines").glob("*.py")
        if (lines := body(path)) > 40 and path.name not in ("bundle.py",)
    }
    assert long == {}


def body(path: Path) -> int:
    text = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
    return len([line for line in text.split("if __name__")[0].splitlines() if line.strip()])


@pytest.mark.parametrize("name", ["drift", "experiment", "faults", "rehearsal", "serving", "swap", "verdict"])
def test_benchmark_runs_in_its_quick_form(name: str, project: Project) -> None:
    project.must("dvc", "pull", "--quiet", "data.dvc")
    done = project.run("python", "-m", f"benchmarks.{name}", "--quick", "--json", "claims.json")
    claims = json.loads((project.root / "claims.json").read_bytes())["claims"]
    assert done.returncode == (0 if all(claim["holds"] for claim in claims) else 1), done.stderr
    assert {"claim", "measured", "limit", "holds"} <= set(claims[0])


def test_tests_that_share_something_stay_together() -> None:
    assert group("tests/rehearsal/test_deployments.py::test_x") == "deployments"
    assert group("tests/test_repository.py::test_x") == "tests/test_repository.py::test_x"
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    marked = [name for name, text in texts.items() if re.search(r"^pytestmark.*xdist_group", text, re.MULTILINE)]
    assert len(marked) > 5
    assert [name for name in marked if group(name) == name] == []
