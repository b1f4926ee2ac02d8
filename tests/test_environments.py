"""What is installed where: each job has the packages that its steps need, and so have a laptop's sessions."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT
from tests.packages import DEFAULT, lacking, libraries, size
from tests.test_workflows import GROUPS, JOBS, runs, synced

STAGES = ("validate", "prepare", "train", "evaluate")  # `dvc repro`
STARTS = {  # in processes of their own
    "experiment": ("judge", *STAGES), "release": STAGES, "retrain": ("validate",), "smoke": ("deploy", "serve"),
    "verdict": STAGES,
}  # fmt: skip
IF_ASKED_FOR = {"dask", "distributed"}  # `engine`, which is `local` in every tree that a job trains in
WITH_STEPS = sorted(GROUPS.keys() - {("checks", "check")})


def needed(place: tuple[str, str]) -> dict[str, set[str]]:
    """What a job's steps import, and what they start."""
    named = [run.split()[0] for run in runs(place)]
    named += ["storage" for step in JOBS[place]["steps"] if step.get("uses") == "./.github/actions/storage"]
    named += [name for step in named for name in STARTS.get(step, ())]
    found = libraries(*(ROOT / f"pipelines/{name}.py" for name in named))
    return {name: makers for name, makers in found.items() if "dask" in synced(place) or name not in IF_ASKED_FOR}


@pytest.mark.parametrize("place", WITH_STEPS)
def test_groups_of_a_job_suffice_and_none_is_too_many(place: tuple[str, str]) -> None:
    imports, groups = needed(place), synced(place)
    assert lacking(imports, *groups) == set()
    assert [name for name in groups if not lacking(imports, *(groups - {name}))] == []


def test_group_that_is_missing_is_noticed() -> None:
    assert lacking(needed(("report", "judge")), "pipeline") >= {"pandas", "pyarrow", "sklearn"}
    assert lacking(needed(("deploy", "staging")), "training", "pipeline") >= {"granian", "sqlalchemy"}


def test_a_laptop_has_by_default_what_every_step_and_the_rehearsal_import() -> None:
    files = [*(ROOT / "pipelines").glob("*.py"), *(ROOT / "rehearsal").rglob("*.py")]
    assert lacking(libraries(*files), *DEFAULT) == IF_ASKED_FOR
    assert "dev" not in DEFAULT


def test_demo_downloads_at_most_60_percent_of_what_all_checks_take() -> None:
    everything = size(*DEFAULT, "dev", "node")
    assert size(*DEFAULT) < 0.5 * everything
    assert size(*DEFAULT, "node") <= 0.6 * everything


@pytest.fixture
def noxfile(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("a_noxfile", ROOT / "noxfile.py")
    assert spec
    assert spec.loader
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def called(noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """The groups with which a session's command is run, in a project whose storage is at a URL."""

    def call(*command: str, url: str = "storage", node: bool = True) -> list[str]:
        heard: list[list[str]] = []
        (tmp_path / ".dvc").mkdir(exist_ok=True)
        (tmp_path / ".dvc/config").write_text(f"['remote \"storage\"']\n    url = {url}\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(noxfile, "has_node", lambda: node)
        monkeypatch.setattr(noxfile.subprocess, "call", lambda words: heard.append(words))
        noxfile.run(*command)
        return [word.removeprefix("--group=") for word in heard[0] if word.startswith("--group=")]

    return call


@pytest.mark.parametrize(
    ("command", "url", "groups"),
    [
        (("storage",), "storage", []),
        (("storage",), "s3://bucket/path", ["s3"]),
        (("storage", "azure://container/path"), "storage", ["azure"]),
        (("score", "az://in", "gs://out"), "s3://bucket", ["azure", "gs", "s3"]),
        (("storage",), "/mnt/s3", []),
    ],
)
def test_session_brings_the_cloud_of_the_storage_and_those_that_it_names(
    command: tuple[str, ...], url: str, groups: list[str], called: Callable[..., list[str]]
) -> None:
    assert called(*command, url=url) == groups


def test_node_is_brought_only_where_there_is_none(called: Callable[..., list[str]]) -> None:
    assert called("--group=node", "x") == []
    assert called("--group=node", "x", node=False) == ["node"]


@pytest.mark.usefixtures("noxfile")
def test_sessions_keep_what_python_compiles_as_nothing_is_compiled_at_install() -> None:
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
    places = ("Makefile", "noxfile.py", ".github/actions/setup/action.yml", "src/mlops/workspace.py")
    assert [name for name in places if "COMPILE_BYTECODE" in (ROOT / name).read_text()] == []


@pytest.mark.parametrize(
    ("said", "there"), [("v24.19.0", True), ("v18.0.0", True), ("v16.20.2", False), ("", False), (None, False)]
)
def test_a_node_that_is_old_broken_or_missing_is_none(
    said: str | None, there: bool, noxfile: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "npm") if said is not None else ():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {said}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert noxfile.has_node() is there
    assert f'">={noxfile.OLDEST}"' in (ROOT / "rehearsal/cml/package.json").read_text()
