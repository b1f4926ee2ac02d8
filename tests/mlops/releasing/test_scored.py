"""The step `score`: which version scores, and what it says of it."""

import argparse
import shutil

import pandas as pd
import pytest

from mlops.contract import BadInput
from pipelines import score
from tests.conftest import ROOT


@pytest.fixture
def said(bea, monkeypatch, capsys, tmp_path):
    """Runs the step in bea's clone; what it printed."""
    shutil.copy(ROOT / "params.yaml", bea.root)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/a.csv").write_text("carrier,wind\n" + "".join(f"AA,{wind}\n" for wind in range(90)))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))

    def run(given="rows", output="out", version=None):
        places = [str(tmp_path / name) if name else "" for name in (given, output)]
        options = argparse.Namespace(input=places[0], output=places[1], version=version, batch=10)
        try:
            score.main(options, bea.root)
        finally:
            text = capsys.readouterr()
        return text.out

    return run


def test_the_version_in_production_scores_unless_another_one_is_named(said, tmp_path):
    assert said().startswith("partitions: 1 scored by v1.0.0, 0 done before, 0 failed; 90 rows in ")
    assert said().startswith("partitions: 0 scored by v1.0.0, 1 done before, 0 failed; 0 rows in ")
    found = pd.read_parquet(tmp_path / "out/a.parquet")
    assert said(version="v1.1.0").startswith("partitions: 1 scored by v1.1.0")
    other = pd.read_parquet(tmp_path / "out/a.parquet")
    assert (found["probability_1"] != other["probability_1"]).any()
    assert (tmp_path / "summary").read_text().count("scored by v1") == 3


def test_files_that_can_not_be_scored_are_told_last_with_what_to_do(said, tmp_path):
    (tmp_path / "rows/b.csv").write_text("carrier\nAA\n")
    with pytest.raises(BadInput, match=r"rows/b.csv: column 'wind' is missing \(found: carrier\)"):
        said()
    assert len(pd.read_parquet(tmp_path / "out/a.parquet")) == 90
    assert "1 scored by v1.0.0, 0 done before, 1 failed; 90 rows" in (tmp_path / "summary").read_text()


def test_where_nothing_is_configured_it_says_how(said):
    assert said(given="").startswith("not configured: set the variables SCORE_INPUT and SCORE_OUTPUT")


def test_a_version_that_is_not_there_is_named(said, bea):
    with pytest.raises(BadInput, match=r"^v9.0.0: no such version; known: v1.0.0, v1.1.0$"):
        said(version="v9.0.0")
    bea.git("tag", "--delete", "model#prod#1")
    with pytest.raises(BadInput, match=r"no version is in production: `nox -s promote -- v1.0.0` puts one there"):
        said()
