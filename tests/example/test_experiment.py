"""`nox -s experiment` on the real flights: what counts as the head, what is trained, what a failure says."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import ROOT, SAMPLE, Project, clone

pytestmark = pytest.mark.xdist_group("comparisons")  # they share a base, which is trained once


@pytest.fixture
def project(quicker: Path, tmp_path: Path, shared: Path) -> Project:
    return clone(quicker, tmp_path / "clone", shared)


def comparison(project: Project) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((project.root / "experiment/comparison.json").read_bytes())
    return content


# root, too, may not write what is read-only, as everybody else
ORDINARY = () if os.geteuid() else ("setpriv", "--inh-caps=-all", "--bounding-set=-dac_override")


def test_both_sides_bring_the_data_to_an_empty_cache_as_an_ordinary_user(fresh_clone: Project) -> None:
    fresh_clone.edit("params.yaml", "learning_rate: 0.3", "learning_rate: 0.1")
    done = fresh_clone.run(*ORDINARY, "python", "-m", "pipelines.experiment", "--sample", "4000")
    assert done.returncode in (0, 1), done.stderr
    assert comparison(fresh_clone)["head"]["dirty"]


def test_docs_only_change_is_unchanged_and_trains_nothing(project: Project) -> None:
    (project.root / "README.md").write_text("Other words.\n")
    done = project.experiment()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("### Unchanged")
    assert "train" not in done.stderr
    assert comparison(project)["verdict"] == "unchanged"


def test_committed_and_uncommitted_changes_count_alike_and_nothing_is_trained_twice(project: Project) -> None:
    project.edit("params.yaml", "learning_rate: 0.3", "learning_rate: 0.1")
    done = project.experiment()
    assert done.returncode in (0, 1), done.stderr
    dirty = comparison(project)
    project.commit()
    done = project.experiment()
    committed = comparison(project)
    assert (dirty["head"]["dirty"], committed["head"]["dirty"]) == (True, False)
    assert dirty["metrics"] == committed["metrics"]
    assert "train" not in done.stderr
    assert "judge: compare" in done.stderr


def test_new_data_is_compared_on_rows_that_neither_side_trained_on(project: Project) -> None:
    project.must("dvc", "pull", "--quiet", "data.dvc", "live.dvc")
    shutil.copy(project.root / "live/2013-06.parquet", project.root / "data/2013-06.parquet")
    done = project.experiment()
    assert done.returncode in (0, 1), done.stderr
    assert re.search(r"head: [0-5] of 6 partitions known", done.stderr)
    found = comparison(project)
    schema = json.loads((ROOT / "src/mlops/judging/comparison.schema.json").read_bytes())
    jsonschema.validate(found, schema)
    assert not jsonschema.Draft202012Validator(schema).is_valid({**found, "verdict": "splendid"})
    assert found["basis"]["period"] == "2013-06-01 to 2013-06-30"
    assert [change["what"] for change in found["changes"]["data"]] == ["2013-06.parquet"]
    assert "2013-06.parquet" not in found["base"]["data"]


def test_base_that_trained_on_every_day_of_the_test_is_incomparable(project: Project) -> None:
    """The head takes May away, so April is the test: the base trained on it, and nothing fair is left."""
    project.must("dvc", "pull", "--quiet", "data.dvc")
    (project.root / "data/2013-05.parquet").unlink()
    done = project.experiment()
    assert done.returncode == 1, done.stderr
    assert comparison(project)["why"] == ["every day of the test holds training rows of one side"]


def test_change_of_the_judge_is_flagged_first_and_has_no_effect(project: Project) -> None:
    """The head forgives itself anything; the base's limits still refuse it."""
    project.edit("params.yaml", "learning_rate: 0.3", "learning_rate: 1.0")
    project.edit("src/mlops/judging/gate.py", "return Decision(accepted=", "return Decision(accepted=True or ")
    project.edit("params.yaml", "confidence: 0.95", "confidence: 0.9999999")
    done = project.experiment()
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("> **Look at this first")
    assert "`src/mlops/judging/gate.py`" in done.stdout.splitlines()[0]
    assert "`params.yaml: judge.confidence`" in done.stdout.splitlines()[0]


def test_change_of_the_split_is_judged_on_days_that_neither_side_trained_on(project: Project) -> None:
    """The head trains on all of May but its last week: of the base's test only that week is fair."""
    project.edit("params.yaml", "test_period: month", "test_period: week")
    done = project.experiment()
    assert "`params.yaml: prepare.test_period`" in done.stdout.splitlines()[0], done.stderr
    found = comparison(project)
    assert found["basis"]["overlap"] > 20_000
    assert found["basis"]["period"] == "2013-05-27 to 2013-05-31"


def test_incomparable_change_is_refused_until_it_is_labelled(project: Project) -> None:
    project.edit(
        "src/problem/schema.py",
        '"hour": column("integer", "input", low=0, high=23, unit="h,',
        '"hour": column("integer", "input", low=0, high=23, unit="UTC h,',
    )
    done = project.experiment()
    assert done.returncode == 1, done.stderr
    assert "'hour' changed its type or unit" in done.stdout
    assert project.experiment("--accept-incomparable").returncode == 0


def test_failure_names_the_side_and_the_reason(project: Project) -> None:
    project.edit("params.yaml", "trees: 100", "trees: none")
    project.commit("broken")
    project.edit("params.yaml", "trees: none", "trees: 100")
    done = project.experiment("--base", "HEAD")
    assert done.returncode == 2
    assert "failed: base: params.yaml: train.model: Expected `int`, got `str`" in done.stderr
    assert done.stdout == ""


def test_unknown_base_is_refused_by_name(project: Project) -> None:
    done = project.experiment("--base", "no-such-branch")
    assert done.returncode == 2
    assert "no-such-branch" in done.stderr
    assert "Traceback" not in done.stderr


def test_each_side_runs_in_its_own_locked_environment(project: Project) -> None:
    """The head raises a library; the base keeps its own."""
    project.edit("pyproject.toml", '"joblib==1.6.0"', '"joblib==1.5.3"')
    project.must("uv", "lock", "--quiet")
    assert "1.5.3" in (project.root / "uv.lock").read_text()
    command = ("python", "-m", "pipelines.experiment", "--sample", SAMPLE, "--base", "HEAD")
    done = project.run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    environments = list((project.root / ".dvc/tmp/environments").iterdir())
    assert len(environments) == 1
    assert list(environments[0].glob("lib/python*/site-packages/joblib-1.6.0.dist-info"))
