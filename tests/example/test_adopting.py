"""The template itself taken up by somebody: multiclass, in time, with the example's own features and model."""

import json
import re
import shutil
from pathlib import Path

import pytest

from benchmarks import adopt
from benchmarks.adopt import Trial
from mlops.adopting import infer, table, write
from mlops.adopting.table import Wish
from problem.schema import SCHEMA
from tests.conftest import ENVIRONMENT, ROOT, Project

pytestmark = pytest.mark.xdist_group("weather")  # so that the table is adopted once


@pytest.fixture(scope="module")
def weather(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """What `nox -s bench -- adopt --quick` tries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adopt, "ENVIRONMENT", ENVIRONMENT)
        return adopt.trial(template, tmp_path_factory.mktemp("weather") / "trial", *adopt.QUICK)


def test_the_benchmarks_claims_hold_but_for_seconds_that_this_machine_may_not_have(weather: Trial) -> None:
    assert weather.edits == 0, weather.said
    failed = [claim.claim for claim in adopt.claims([weather]) if not claim.holds]
    assert [claim for claim in failed if not claim.startswith("seconds")] == []


def test_the_examples_model_takes_classes_in_time_as_it_is(weather: Trial) -> None:
    project = Project(weather.folder)
    assert "- tested on 365 of 1,461 rows, the newest year" in weather.said
    metrics = json.loads((project.root / "artifacts/metrics.json").read_bytes())
    assert set(metrics) == {"log_loss", "accuracy", "macro_f1", "calibration_error"}
    assert metrics["accuracy"] > 0.5
    basis = json.loads((project.root / "experiment/comparison.json").read_bytes())["basis"]
    assert (basis["period"], basis["block"]) == ("2015-01-01 to 2015-12-31", "3 days")
    changed = project.must("git", "diff", "--name-only", "HEAD~1", "--", "src", "params.yaml").split()
    assert changed == ["params.yaml", "src/problem/schema.py"]


def test_nothing_of_the_example_is_left_and_what_is_left_is_in_order(weather: Trial) -> None:
    project = Project(weather.folder)
    listed = project.must("git", "grep", "--ignore-case", "--name-only", "flights out of\\|nycflights").split()
    assert set(listed) <= {"tests/test_repository.py"}
    project.must("ruff", "format", "--check", "--quiet")
    project.must(
        "python",
        "-m",
        "pytest",
        "tests/test_repository.py",
        "tests/test_documents.py",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )


def test_the_first_report_says_what_it_could_not_have_seen(weather: Trial) -> None:
    assert re.search(
        r"\nAn effect smaller than 0\.\d+, \d+% of the loss, would hardly have been seen\.\n", weather.said
    )


def test_the_notebook_explores_classes_in_time(weather: Trial) -> None:
    Project(weather.folder).must("python", "notebooks/explore.py")


def test_the_data_card_of_the_example_says_the_same_of_bringing_data_as_everybodys() -> None:
    assert write.BRINGING in (ROOT / write.CARD).read_text()


def test_going_back_brings_the_example_and_its_data(weather: Trial, tmp_path: Path) -> None:
    project = Project(shutil.copytree(weather.folder, tmp_path / "clone", symlinks=True))
    command = weather.said.splitlines()[-1].partition("To go back: ")[2]
    project.must("bash", "-c", command)
    assert project.must("git", "status", "--porcelain") == ""
    assert [path.name for path in sorted((project.root / "data").iterdir())][:1] == ["2013-01.parquet"]


def test_the_notebook_explores_the_flights_of_the_past_and_of_the_live_months(project: Project) -> None:
    project.must("dvc", "pull", "--quiet", "data.dvc", "live.dvc")
    project.must("python", "notebooks/explore.py")


def test_the_flights_are_read_as_their_schema_says(project: Project) -> None:
    project.must("dvc", "pull", "--quiet", "data.dvc")
    wish = Wish("late", time="time_hour", slices=("carrier", "origin"))
    guess = infer.guess(table.load(project.root / "data", wish), wish)
    assert [doubt.column for doubt in guess.doubts] == ["arr_delay"]
    assert (guess.schema.task, guess.schema.time) == (SCHEMA.task, SCHEMA.time)
    assert set(guess.schema.inputs) - set(SCHEMA.inputs) == {"month"}
    assert {name for name, column in guess.schema.columns.items() if column.missing} == {
        name for name, column in SCHEMA.columns.items() if column.missing
    }
