"""The repository itself: what it says of itself is true."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mlops.adopting import example
from pipelines import schema
from tests.conftest import ROOT, group

EXAMPLE = re.compile(r"2013-\d\d\.parquet|arr_delay|nycflights|learning_rate: 0\.3\"|real flights")


def test_what_speaks_of_the_example_leaves_with_it() -> None:
    """Whoever adopts other data keeps every test that isn't in tests/example: none of them may need the flights."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    speaking = {name for name, text in texts.items() if EXAMPLE.search(text)}
    assert {name for name in speaking if not name.startswith(example.LEAVING)} == {"tests/test_repository.py"}
    assert [name for name in example.MARKED if EXAMPLE.search(example.without((ROOT / name).read_text()))] == []


@pytest.mark.parametrize("path", schema.FILES)
def test_json_schema_is_the_one_of_its_records(path: str) -> None:
    assert json.loads((ROOT / path).read_bytes()) == schema.schema(*schema.FILES[path])


def test_every_guard_that_the_principles_name_is_there() -> None:
    rows = [line.split("|") for line in (ROOT / "docs/principles.md").read_text().splitlines() if line[:4] == "| **"]
    guards = [re.findall(r"`([\w/.]+\.py)(?:::(\w+))?`", row[3]) for row in rows]
    assert len(rows) >= 8
    assert all(guards), "a principle that nothing checks"
    gone = () if (ROOT / "tests/example").is_dir() else example.LEAVING
    kept = [(path, name) for guard in guards for path, name in guard if not path.startswith(gone)]
    assert [name for path, name in kept if f"def {name}" not in (ROOT / path).read_text()] == []
    assert len([name for _, name in kept if name]) > 15


def test_no_module_of_the_machinery_but_the_contract_is_open_to_the_problem() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    closed = next(one for one in linter["contracts"] if one["source_modules"] == ["problem"])["forbidden_modules"]
    modules = {path.stem for path in (ROOT / "src/mlops").glob("[a-z]*")}
    assert set(closed) == {f"mlops.{name}" for name in modules - {"contract"}}


def test_a_clone_has_the_same_bytes_whatever_git_makes_of_line_ends(template: Path, tmp_path: Path) -> None:
    clone = ["git", "-c", "core.autocrlf=true", "clone", "--quiet", str(template), str(tmp_path / "clone")]
    subprocess.run(clone, check=True)
    files = [path.relative_to(template) for path in template.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert len(files) > 300
    assert [path for path in files if (template / path).read_bytes() != (tmp_path / "clone" / path).read_bytes()] == []


def test_all_agree_on_one_python_and_it_is_this_one() -> None:
    """`requires-python` states it: uv takes it from there, in a job, too. Documents and the images' base repeat it."""
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    version, minor = ".".join(map(str, sys.version_info[:2])), sys.version_info[1]
    assert stated == f">={version},<3.{minor + 1}"
    assert f'requires-python = "=={version}.*"' in (ROOT / "uv.lock").read_text()
    texts = {name: (ROOT / name).read_text() for name in ("Makefile", "README.md", "deploy/Containerfile")}
    named = {name: set(re.findall(r"[Pp]ython[ :](3\.\d+)", text)) for name, text in texts.items()}
    assert named == {name: {version} for name in texts}


def test_nothing_else_chooses_a_python() -> None:
    """A `.python-version` would choose even a program, and a pull request could bring it."""
    words = re.compile(r"^\W*(python-version|UV_PYTHON|target-version|python_version)\b", re.MULTILINE)
    files = [ROOT / "pyproject.toml", *(ROOT / ".github").rglob("*.yml")]
    assert [path.name for path in files if words.search(path.read_text())] == []
    assert not (ROOT / ".python-version").exists()


def test_makefile_stays_small() -> None:
    assert len((ROOT / "Makefile").read_text().splitlines()) <= 20


def test_steps_stay_thin() -> None:
    """A step reads, calls, writes: forty lines, its options and docstring aside."""
    long = {
        path.name: lines
        for path in (ROOT / "pipelines").glob("*.py")
        if (lines := body(path)) > 40 and path.name != "bundle.py"
    }
    assert long == {}


def body(path: Path) -> int:
    text = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
    return len([line for line in text.split("if __name__")[0].splitlines() if line.strip()])


def test_tests_that_share_something_stay_together() -> None:
    assert group("tests/deploy/test_kubernetes.py::test_x") == "kubernetes"
    assert group("tests/test_repository.py::test_x") == "tests/test_repository.py::test_x"
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    marked = [name for name, text in texts.items() if re.search(r"^pytestmark.*xdist_group", text, re.MULTILINE)]
    assert len(marked) > 2
    assert [name for name in marked if group(name) == name] == []
