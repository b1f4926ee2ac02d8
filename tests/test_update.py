"""A newer template comes to a project with a table and a problem of its own: only the machinery moves."""

from pathlib import Path

import pytest

from tests.conftest import Project, clone

pytestmark = pytest.mark.xdist_group("adopt")  # so that the table is adopted once
OWN = ("src/problem", "data.dvc", "dvc.lock", "docs/data.md", "artifacts/metrics.json")
PASSAGE = "\n<!-- example -->\nMore flights.\n<!-- end of example -->\nMore for all.\n"


@pytest.fixture(scope="module")
def newer(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The template some time later: of the machinery, the example and the problem something is new each."""
    later = clone(template, tmp_path_factory.mktemp("newer") / "template")
    later.edit("src/mlops/console.py", '"""What a person sees', '"""What a person really sees')
    later.edit("src/mlops/params.py", "max_dropped: Share", "patience: Positive\n    max_dropped: Share")
    later.edit("params.yaml", "validate:\n", "validate:\n  patience: 3 # days\n")
    (later.root / "src/mlops/fresh.py").write_text('"""New."""\n')
    (later.root / "tests/mlops/test_rows.py").unlink()
    for name in ("benchmarks/fresh.py", "src/problem/fresh.py"):
        (later.root / name).parent.mkdir(exist_ok=True)
        (later.root / name).write_text('"""Of flights."""\n')
    for name in ("docs/data.md", "tests/problem/test_problem.py", "README.md"):
        (later.root / name).write_text(
            (later.root / name).read_text() + (PASSAGE if name == "README.md" else "# more\n")
        )
    later.commit("More of everything")
    return later


@pytest.fixture
def project(diabetes: Project) -> Project:
    """Adopted, then changed by its people; its history begins with a copy, as `Use this template` makes it."""
    first = diabetes.must("git", "rev-list", "--max-parents=0", "HEAD").strip()
    copied = diabetes.must("git", "commit-tree", f"{first}^{{tree}}", "-m", "Initial commit").strip()
    tip = diabetes.must("git", "commit-tree", "HEAD^{tree}", "-p", copied, "-m", "Adopted").strip()
    diabetes.must("git", "reset", "--quiet", "--hard", tip)
    (diabetes.root / ".template").unlink(missing_ok=True)
    diabetes.edit("params.yaml", "strength: 1.0", "strength: 2.0")
    diabetes.edit("src/problem/features.py", "StandardScaler()", "StandardScaler(with_mean=True)")
    diabetes.edit("CONTRIBUTING.md", "# Contributing", "# Contributing to ours")
    diabetes.commit("Ours")
    return diabetes


def test_the_machinery_is_the_new_one_and_the_rest_is_the_projects_own(project: Project, newer: Project) -> None:
    before = project.must("git", "ls-tree", "HEAD", "--", *OWN)
    readme, values = ((project.root / name).read_text() for name in ("README.md", "params.yaml"))
    done = project.step("update", "--from", str(newer.root))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Next: `nox -s test`" in done.stdout
    assert project.must("git", "status", "--porcelain") == ""
    assert project.must("git", "branch", "--show-current") == "update\n"
    assert project.must("git", "ls-tree", "HEAD", "--", *OWN) == before
    changed = project.must("git", "diff", "--name-only", "HEAD~1").split()
    assert changed == [
        ".template", "README.md", "params.yaml", "src/mlops/console.py", "src/mlops/fresh.py", "src/mlops/params.py",
        "tests/mlops/test_rows.py", "tests/problem/test_problem.py",
    ]  # fmt: skip
    assert not (project.root / "tests/mlops/test_rows.py").exists()
    assert (project.root / "README.md").read_text() == f"{readme}\nMore for all.\n"
    new = (project.root / "params.yaml").read_text()
    assert "  patience: 3 # days\n" in new
    assert new.replace("  patience: 3 # days\n", "").split() == values.split()
    project.must("python", "-m", "pytest", "tests/problem", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    project.must("dvc", "repro", "--quiet")

    head = project.must("git", "rev-parse", "HEAD")
    project.commit("The pipeline's outputs")
    assert "Nothing new" in project.must("python", "-m", "pipelines.update")  # .template says from where
    assert project.must("git", "rev-parse", "HEAD~1") == head


def test_a_line_that_both_changed_is_a_conflict_by_name_and_can_be_taken_back(project: Project, newer: Project) -> None:
    project.edit("src/mlops/console.py", '"""What a person sees', '"""What our people see')
    (project.root / "tests/problem/test_problem.py").write_text("# ours\n")
    project.commit("Our machinery")
    done = project.step("update", "--from", str(newer.root))
    assert done.returncode == 1
    named = [line for line in done.stdout.splitlines() if line.startswith("conflict")]
    assert named == ["conflict in src/mlops/console.py: both changed the same lines"]
    assert "<<<<<<<" in (project.root / "src/mlops/console.py").read_text()
    project.must("bash", "-c", done.stdout.partition("To go back: ")[2])
    assert project.must("git", "status", "--porcelain") == ""
    assert project.must("git", "log", "-1", "--format=%s") == "Our machinery\n"


def test_what_cannot_be_told_is_refused(project: Project, newer: Project) -> None:
    assert "Say `--from URL`" in project.step("update").stderr
    alone = project.must("git", "commit-tree", "HEAD^{tree}", "-m", "Copied by hand").strip()
    project.must("git", "reset", "--quiet", "--hard", alone)
    done = project.step("update", "--from", str(newer.root))
    assert done.returncode == 1
    assert "no commit of this project is one of the template" in done.stderr
    began = newer.must("git", "rev-parse", "HEAD~1")
    (project.root / ".template").write_text(f"url: {newer.root}\ncommit: {began}")
    assert "the work tree has changes (.template)" in project.step("update").stderr
    project.commit("Where this comes from")
    project.must("git", "branch", "update")
    assert "there is a branch `update` already" in project.step("update").stderr
    project.must("git", "branch", "--delete", "update")
    project.must("python", "-m", "pipelines.update")
