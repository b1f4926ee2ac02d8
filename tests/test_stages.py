"""The stages as dvc.yaml lists them: every module that a step imports, and every package that can change a model."""

import tomllib
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


@pytest.mark.parametrize("stage", STAGES)
def test_stage_lists_every_module_that_its_step_imports(stage: str) -> None:
    listed = set(STAGES[stage]["deps"])
    needed = imported(ROOT / f"pipelines/{stage}.py")
    assert {path for path in needed if path not in listed and str(Path(path).parent) not in listed} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_stage_lists_no_module_that_its_step_does_not_import(stage: str) -> None:
    modules = {path for path in STAGES[stage]["deps"] if path.endswith(".py")}
    assert modules - imported(ROOT / f"pipelines/{stage}.py") == set()


def test_module_that_is_not_listed_is_noticed() -> None:
    assert "src/mlops/training/split.py" in imported(ROOT / "pipelines/prepare.py")
    assert "src/mlops/training/split.py" not in imported(ROOT / "pipelines/evaluate.py")


def test_training_group_pins_all_that_training_runs_on() -> None:
    """What the pinned packages need in turn is pinned, too, unless it is known to leave models alone."""
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["training"]
    locked = {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    named = {pin.split("==")[0] for pin in pins}
    harmless = {
        "cloudpickle",
        "flatbuffers",
        "ml-dtypes",
        "narwhals",
        "packaging",
        "python-dateutil",
        "six",
        "typing-extensions",
        "tzdata",
    }
    needed, queue = set(), list(named)
    while queue:
        name = queue.pop()
        if name not in needed:
            needed.add(name)
            queue += [dependency["name"] for dependency in locked[name].get("dependencies", ())]
    assert needed - named - harmless == set()
    assert {name: locked[name]["version"] for name in named} == dict(pin.split("==") for pin in pins)


def imported(step: Path) -> set[str]:
    """Files of this repository that a step imports, directly or not; as paths from the root."""
    finder = ModuleFinder(path=[str(ROOT / "src"), str(ROOT)])  # so libraries are not found, nor followed
    finder.run_script(str(step))
    return {str(Path(module.__file__).relative_to(ROOT)) for module in finder.modules.values() if module.__file__} | {
        "pipelines/__init__.py"
    }
