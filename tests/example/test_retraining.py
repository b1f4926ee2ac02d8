"""monitor.yml and retrain.yml, run by act in the sandbox: the weeks of one project, whose tests build on each other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops.artifact import Model
from mlops.workspace import git
from rehearsal.runs import Run
from rehearsal.sandbox import Sandbox, sandbox
from tests import traffic
from tests.conftest import Project, clone
from tests.servers import webhook

# each goes on where the last one ended
pytestmark = [pytest.mark.xdist_group("retraining"), pytest.mark.in_order]
EVERY = 14  # of so many flights one is in the project: 65 a day
SMALL = {"trees: 100": "trees: 10", "trainings: 5": "trainings: 2", "resamples: 2000": "resamples: 200"}
A_MONTH = {"min_rows: 500": "min_rows: 600"}  # so that a week is too little to say anything
SAID = (
    "Adds 1,950 rows", "Why now: ", "**Expected gain**: log loss", "Approve and run", "### Retrain", "`dewp` moved",
    "**Accepted.**", "<summary>Slices",
)  # fmt: skip


class Production:
    """A released project on the sandbox's GitHub, and the store that its service could have filled."""

    def __init__(self, github: Sandbox, project: Project, folder: Path) -> None:
        self.github, self.project, self.folder, self.store = github, project, folder, ""
        project.must("dvc", "pull", "--quiet", "data.dvc", "live.dvc")
        months = [*sorted((project.root / "data").iterdir()), *sorted((project.root / "live").iterdir())]
        thin = {path: pd.read_parquet(path).iloc[::EVERY] for path in months}
        self.rows = pd.concat(list(thin.values()))
        for path in months[:5]:
            path.unlink()
            thin[path].to_parquet(path, index=False)
        for old, new in (SMALL | A_MONTH).items():
            project.edit("params.yaml", old, new)
        project.edit(".dvc/config", "remote = seed", "remote = storage")
        project.must("dvc", "add", "--quiet", "data")
        project.commit("Small")
        project.must("git", "switch", "--quiet", "-C", "main")
        github.publish(project.root, "HEAD", "main")
        project.must("git", "remote", "set-url", "origin", str(github.origin))
        project.must("git", "fetch", "--quiet")
        for words in (["release"], ["promote", "prod", "v1.0.0"]):
            project.must("python", "-m", f"pipelines.{words[0]}", *words[1:], "--push", GITHUB_ACTOR="ann")
        self.model = Model.load(project.root / ".dvc/tmp/release/candidate/artifacts")

    def answers(self, store: str, first: str, last: str, known: bool = True, **fault: Any) -> None:
        """Answer the rows of these local days; from now on the workflows look into this store."""
        day = self.rows["time_hour"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d")
        rows = self.rows[(day >= first) & (day <= last)].reset_index(drop=True).assign(**fault)
        self.store = f"sqlite:///{self.folder / store}.db"
        traffic.store(self.store, rows, self.model, known=[known] * len(rows), prefix=first)

    def runs(self, workflow: str, *options: str, **inputs: str) -> tuple[Run, list[Run], list[dict[str, Any]]]:
        """Start a workflow by hand: its run, the runs that it started in turn, and the alerts that went out."""
        before = len(self.github.finished)
        with webhook() as (address, told):
            secrets = ["--secret", f"STORE_URL={self.store}", "--secret", f"ALERT_URLS={address}"]
            self.github.options = [*secrets, *options]
            run = self.github.dispatch(workflow, **inputs)
        return run, self.github.finished[before + 1 :], told

    @property
    def pulls(self) -> list[dict[str, Any]]:
        return self.github.api.known["pulls"]

    def refs(self) -> str:
        return git(self.github.origin, "for-each-ref")


@pytest.fixture(scope="module")
def production(template: Path, tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("production")
    with sandbox(folder / "sandbox") as github:
        github.api.private = True
        yield Production(github, clone(template, folder / "clone", shared), folder)


def test_a_store_that_can_not_be_reached_is_said_in_one_line(production: Production) -> None:
    production.store = "sqlite:////no/such/folder/store.db"
    run, _, _ = production.runs("retrain.yml")
    assert run.outcome.conclusion == "failure"
    assert "error: STORE_URL: the store can't be read or written: " in run.outcome.log


def test_an_empty_store_has_nothing_to_look_at(production: Production) -> None:
    production.store = f"sqlite:///{production.folder}/empty.db"
    run, started, told = production.runs("monitor.yml")
    assert run.outcome.summary.count("the store is empty") == 2, run.outcome.log
    assert (run.outcome.conclusion, started, told) == ("success", [], [])


def test_scoring_is_not_configured_until_somebody_says_what_and_where(production: Production) -> None:
    run, _, _ = production.runs("score.yml")
    assert run.outcome.conclusion == "skipped", run.outcome.log
    given, output = production.project.root / "live", production.folder / "predictions"
    run, _, _ = production.runs("score.yml", "--var", f"SCORE_INPUT={given}", "--var", f"SCORE_OUTPUT={output}")
    assert "4 scored by v1.0.0, 0 done before, 0 failed; 111,134 rows" in run.outcome.summary, run.outcome.log


def test_ordinary_days_without_outcomes_call_for_nothing(production: Production) -> None:
    production.answers("ordinary", "2013-04-01", "2013-04-30", known=False)
    run, started, told = production.runs("monitor.yml")
    assert "nothing unusual" in run.outcome.summary, run.outcome.log
    assert "the loss isn't known: 0 outcomes" in run.outcome.summary
    assert (started, told) == ([], [])


def test_a_fault_of_the_data_is_told_and_not_learned(production: Production) -> None:
    production.answers("fault", "2013-04-01", "2013-04-30", pressure=1013.0)
    run, started, told = production.runs("monitor.yml")
    assert "### Look into the data" in run.outcome.summary, run.outcome.log
    assert "frozen pressure: look into the data" in [alert["title"] for alert in told]
    assert "Owner: @your-org/ml-engineers" in told[0]["message"]
    assert started == []


def test_drift_opens_one_pull_request_with_evidence_and_report(production: Production) -> None:
    production.answers("drift", "2013-07-01", "2013-07-30")
    run, started, told = production.runs("monitor.yml")
    assert "### Retrain" in run.outcome.summary, run.outcome.log
    assert [(one.workflow, one.outcome.conclusion) for one in started] == [("retrain.yml", "success")], started[
        0
    ].outcome.log
    assert told[0]["title"].endswith(": retrain")
    (pull,) = production.pulls
    assert (pull["title"], pull["state"]) == ("Retrain with production's rows of 2013-07-01 to 2013-07-30", "open")
    assert [said for said in SAID if said not in pull["body"]] == []


def test_the_branch_adds_one_partition_upon_main_and_its_objects_are_in_the_storage(production: Production) -> None:
    origin = production.github.origin
    assert git(origin, "rev-parse", "retrain^") == git(origin, "rev-parse", "main")
    assert git(origin, "diff", "--name-only", "main", "retrain") == "data.dvc"
    laptop = clone(origin, production.folder / "laptop")
    laptop.must("git", "switch", "--quiet", "--detach", "origin/retrain")
    laptop.must("python", "-m", "pipelines.storage", "ready")
    laptop.must("dvc", "pull", "--quiet", "data.dvc")
    added = pd.read_parquet(laptop.root / "data/2013-07-01_2013-07-30.parquet")
    before = pd.read_parquet(laptop.root / "data/2013-05.parquet")
    assert len(added) == 1950
    assert dict(added.dtypes) == {name: kind for name, kind in before.dtypes.items() if name in added}


def test_a_day_later_an_app_brings_the_same_pull_request_up_to_date(production: Production) -> None:
    production.answers("drift", "2013-07-31", "2013-07-31")
    app = ["--var", "RETRAIN_APP_ID=1", "--secret", "RETRAIN_APP_KEY=key"]
    run, _, _ = production.runs("retrain.yml", *app, reason="a *day* later")
    assert run.outcome.conclusion == "success", run.outcome.log
    (pull,) = production.pulls
    assert pull["title"].endswith("2013-07-01 to 2013-07-31")
    assert pull["html_url"] in run.outcome.summary
    assert "Why now: a \\*day\\* later" in pull["body"]
    assert "Approve and run" not in pull["body"]
    assert pull["head"]["sha"] == git(production.github.origin, "rev-parse", "retrain")
    assert git(production.github.origin, "rev-list", "--count", "main..retrain") == "1"


def test_nothing_new_touches_nothing(production: Production) -> None:
    before = production.refs()
    run, _, _ = production.runs("retrain.yml")
    assert "nothing new: the branch retrain holds all of it already" in run.outcome.summary, run.outcome.log
    assert production.refs() == before


def test_rows_stay_out_of_a_public_repository(production: Production) -> None:
    before = production.refs()
    production.answers("drift", "2013-08-01", "2013-08-01")
    production.github.api.private = False
    run, _, _ = production.runs("retrain.yml")
    assert run.outcome.conclusion == "failure"
    assert "`nox -s storage -- s3://bucket/path`), or set retrain.publish: true" in run.outcome.log
    assert production.refs() == before
