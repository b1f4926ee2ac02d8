"""The notebook runs from its first cell to its last, whatever the problem is."""

import subprocess

import pytest

from tests.conftest import ROOT, Project

NOTEBOOK = "notebooks/explore.py"
pytestmark = pytest.mark.xdist_group("adopt")  # so that the table is adopted once


def test_an_adopted_table_without_time_slices_and_later_rows_is_explored(diabetes: Project) -> None:
    assert diabetes.must("python", NOTEBOOK) == ""


def test_a_cell_that_fails_fails_the_notebook_and_says_why(diabetes: Project) -> None:
    (diabetes.root / "data").rename(diabetes.root / "elsewhere")
    done = diabetes.run("python", NOTEBOOK)
    assert done.returncode == 1
    assert "data/ holds no .parquet or .csv file; run `dvc pull`" in done.stderr


def test_marimo_opens_the_notebook_without_a_complaint_and_it_stays_small() -> None:
    subprocess.run(["marimo", "check", "--strict", NOTEBOOK], cwd=ROOT, check=True)
    assert len((ROOT / NOTEBOOK).read_text().splitlines()) <= 150
