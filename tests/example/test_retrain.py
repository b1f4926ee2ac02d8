"""Retraining as a person runs it here: what it refuses, and that it leaves everything as it was."""

import pandas as pd

from mlops.artifact import Model
from tests import traffic
from tests.conftest import Project


def test_without_a_store_it_ends_and_says_how_to_set_one(project: Project) -> None:
    assert project.must("python", "-m", "pipelines.retrain", STORE_URL="").startswith("not configured: set STORE_URL")


def test_rows_that_validation_refuses_are_refused_with_its_words_and_nothing_changes(project: Project) -> None:
    project.must("dvc", "pull", "--quiet")
    rows = pd.read_parquet(project.root / "live/2013-06.parquet").head(2000)
    rows.loc[7, "temp"] = 500.0
    store, model = f"sqlite:///{project.root}/store.db", Model.load(project.root / "artifacts")
    traffic.store(store, rows, model)
    project.edit("README.md", "# Git runs", "# GIT runs")
    before = project.must("git", "for-each-ref"), project.must("git", "status", "--porcelain")
    done = project.run("python", "-m", "pipelines.retrain", STORE_URL=store)
    assert done.returncode == 1
    told = "failed: data/2013-06-01_2013-06-03.parquet: column 'temp': 1 of 2000 rows: "
    assert done.stderr.startswith(told), done.stderr
    assert "outside [-40, 120] deg F (such as 500.0); mend them, or `low`, `high` or `outliers`" in done.stderr
    assert (project.must("git", "for-each-ref"), project.must("git", "status", "--porcelain")) == before
