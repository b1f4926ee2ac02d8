"""The monitor as people and workflows run it: from a store and a released version to its files, or a clear end."""

import json
import re

import pandas as pd
import pytest

from mlops.artifact import Model
from mlops.store import Store
from tests import traffic
from tests.conftest import Project


@pytest.fixture
def released(project: Project) -> Project:
    """A project whose work tree is version v1.0.0, in production."""
    project.must("dvc", "pull", "--quiet")
    project.must("python", "-m", "pipelines.release")
    project.must("python", "-m", "pipelines.promote", "prod", "v1.0.0")
    return project


def replay(project: Project, month: str) -> None:
    """What the service would have stored of a month."""
    model = Model.load(project.root / "artifacts")
    traffic.store(f"sqlite:///{project.root}/store.db", pd.read_parquet(project.root / month), model, prefix=month)


def test_without_a_store_it_ends_and_says_how_to_set_one(project: Project) -> None:
    done = project.run("nox", "-s", "monitor", STORE_URL="")
    assert done.returncode == 0
    assert done.stdout.startswith("not configured: set STORE_URL")


def test_an_empty_store_is_said_to_be_empty(project: Project) -> None:
    said = project.must("python", "-m", "pipelines.monitor", STORE_URL="sqlite:///store.db")
    assert "the store is empty" in said


@pytest.mark.parametrize("url", ["postgresql+psycopg://user:secret@127.0.0.1:1/none", "sqlite:////no/such/folder/a.db"])
def test_a_store_that_can_not_be_read_is_an_error_of_one_line(project: Project, url: str) -> None:
    done = project.run("python", "-m", "pipelines.monitor", STORE_URL=url)
    assert done.returncode == 1
    assert re.fullmatch(r"error: STORE_URL: the store can't be read or written: [^\n]*\n", done.stderr)
    assert "secret" not in done.stderr


def test_a_store_that_can_not_be_written_is_an_error_after_what_was_found(project: Project) -> None:
    Store.connect(f"sqlite:///{project.root}/store.db").newest()
    url = f"sqlite:///file:{project.root}/store.db?mode=ro&uri=true"
    done = project.run("python", "-m", "pipelines.monitor", STORE_URL=url)
    assert done.returncode == 1
    assert "the store is empty" in done.stdout
    assert re.fullmatch(r"error: STORE_URL: the store can't be read or written: [^\n]*readonly[^\n]*\n", done.stderr)


def test_a_version_that_is_not_known_here_is_named(project: Project) -> None:
    project.must("dvc", "pull", "--quiet")
    replay(project, "live/2013-06.parquet")
    done = project.run("python", "-m", "pipelines.monitor", STORE_URL="sqlite:///store.db")
    assert done.returncode == 1
    assert done.stderr == "error: v1.0.0: no such version; known: none yet\n"


def test_june_calls_for_retraining_and_the_week_before_does_not(released: Project) -> None:
    for month in ("data/2013-05.parquet", "live/2013-06.parquet"):
        replay(released, month)
    store, outputs = {"STORE_URL": "sqlite:///store.db"}, released.root / "outputs"
    command = ("python", "-m", "pipelines.monitor")
    said = released.must(*command, "--days", "30", **store, GITHUB_OUTPUT=str(outputs))
    assert said.startswith("### Retrain\n\n- loss 0.5")
    assert outputs.read_text() == "decision=retrain\n"
    found = json.loads((released.root / "monitor/monitor.json").read_bytes())
    assert {finding["column"] for finding in found["findings"] if finding["text"]} >= {"temp", "dewp"}
    before = released.must(*command, "--until", "2013-05-31", "--folder", "before", **store)
    assert before.startswith("### Nothing to do\n")
    assert (released.root / "before/page.html").exists()
    kept = Store.connect(f"sqlite:///{released.root}/store.db").checks(5)
    assert [check["decision"]["action"] for _, check in kept] == ["none", "retrain"]
    assert kept[1][1] == found
