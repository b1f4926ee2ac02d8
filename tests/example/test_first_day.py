"""docs/first-day.md, played in the sandbox: its commands in a clone, its clicks as the events that they make."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops.releasing.registry import Registry
from mlops.workspace import git
from rehearsal.runs import Pushed, Run
from rehearsal.sandbox import Sandbox, open_pull_request, sandbox
from tests.conftest import ROOT, Project, clone

pytestmark = [pytest.mark.xdist_group("first_day"), pytest.mark.in_order]
PAGE = (ROOT / "docs/first-day.md").read_text()
STEP = re.compile(r"^## (\d)\. .*?\n(.*?)(?=^## )", re.DOTALL | re.MULTILINE)
STEPS = {int(number): text for number, text in STEP.findall(PAGE)}
TABLE = ROOT / "tests/tables/penguins.csv"
SMALL = {
    "sample_rows: 20000": "sample_rows: 4000", "sample_rows: null": "sample_rows: 4000", "trees: 100": "trees: 20",
    "trainings: 5": "trainings: 2", "resamples: 2000": "resamples: 500",
}  # fmt: skip
SLOW = ("checks.yml", "image.yml")
RIGHTS = {"administration": "write", "environments": "write", "actions": "read", "contents": "write", "issues": "write",
          "pull-requests": "write", "statuses": "read"}  # fmt: skip


class Newcomer:
    """Somebody with a browser and a terminal; an environment's reviewers take their time."""

    def __init__(self, github: Sandbox, folder: Path) -> None:
        self.github, self.folder = github, folder
        self.seen = git(github.origin, "rev-parse", "main")

    def types(self, step: int, *given: tuple[str, str], block: int = 0) -> str:
        """The commands of a step's block, one after the other; what they said."""
        about = {"GITHUB_API_URL": self.github.api.url, "GITHUB_REPOSITORY": self.github.api.repository}
        if step in (3, 4):
            about["GITHUB_TOKEN"] = self.github.api.token(RIGHTS, "ann")
        place, said = Project(self.folder) if step == 2 else self.project, ""
        for command in re.findall(r"```sh\n(.*?)```", STEPS[step], re.DOTALL)[block].splitlines():
            for old, new in given:
                command = command.replace(old, new)
            if command.startswith("cd "):
                place = Project(self.folder / shlex.split(command)[1])
                continue
            said += place.must("bash", "-c", command, **about)
        return said

    @property
    def project(self) -> Project:
        return Project(self.folder / "my-project")

    def main(self) -> dict[str, Run]:
        """What GitHub makes of main's having moved: the runs, by workflow."""
        payload, tip = self.github.api.push_event("main"), git(self.github.origin, "rev-parse", "main")
        runs = self.github.happen("push", payload | {"before": self.seen}, Pushed(tip, "main"), SLOW)
        self.seen = tip
        return {run.workflow: run for run in runs if run.outcome.conclusion != "skipped"}

    def tags(self) -> set[str]:
        return {*git(self.github.origin, "tag").split()}


def quoted(step: int) -> list[str]:
    """What the page says that is to be read then."""
    return re.findall(r"^> (.*)$", STEPS[step], re.MULTILINE)


def named(step: int) -> set[str]:
    """Tags that the page says are there then."""
    return set(re.findall(r"`(model[@#][^`]*)`", STEPS[step]))


def results(run: Run) -> dict[str, str]:
    return {name: result for name, result in run.outcome.jobs.items() if name != "elsewhere"}


@pytest.fixture(scope="module")
def ann(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    made = clone(template, tmp_path_factory.mktemp("made") / "template")
    for old, new in SMALL.items():
        made.edit("params.yaml", old, new)
    made.commit("Small")
    with sandbox(tmp_path_factory.mktemp("sandbox")) as github:
        github.variables, github.approves = {}, False
        github.publish(made.root, "HEAD", "main")
        yield Newcomer(github, tmp_path_factory.mktemp("home"))


def test_1_the_button_makes_a_repository_whose_example_goes_to_staging(ann: Newcomer) -> None:
    runs = ann.main()
    assert set(runs) == {"deploy.yml", "experiment.yml"}
    run = runs["deploy.yml"]
    assert results(run) == {"staging": "success", "production": "skipped"}, run.outcome.log
    assert all(text in run.outcome.summary for text in quoted(1))
    assert len(quoted(1)) == 1
    assert ann.tags() == named(1)
    assert git(ann.github.origin, "rev-parse", "--verify", "dvc-storage")


def test_2_a_table_of_ones_own_goes_to_production(ann: Newcomer) -> None:
    url = ("https://github.com/OWNER/NAME", str(ann.github.origin))
    ann.types(2, url, ("my.csv --target COLUMN", f"{TABLE} --target Species --yes"))
    run = ann.main()["deploy.yml"]
    assert results(run) == {"staging": "success", "production": "success"}, run.outcome.log
    assert all(text in run.outcome.summary for text in quoted(2))
    assert named(2) <= ann.tags()
    (release,) = ann.github.api.known["releases"]
    assert (release["tag_name"], release["draft"]) == ("model@v1.1.0", False)
    assert len(ann.github.api.known["assets"]) == 3


def test_3_settings_say_who_decides_and_who_signs(ann: Newcomer) -> None:
    owners = ann.project.root / ".github/CODEOWNERS"
    owners.write_text(re.sub(r"@your-org/\S+", "@ann", owners.read_text()))
    ann.project.edit(".github/settings/environments.yml", "reviewers: [] # who", 'reviewers: ["@cleo"] # who')
    ann.project.must("git", "commit", "--quiet", "--all", "--message", "Say who decides")
    ann.project.must("git", "push", "--quiet")
    ann.main()
    (title,) = quoted(3)
    assert "deploy key production" in ann.types(3)
    (pull,) = ann.github.api.known["pulls"]
    assert (pull["title"], pull["state"]) == (title, "open")
    tip = Pushed(pull["head"]["sha"], "allowed-signers")
    event = ann.github.api.pull_request_event(pull["number"], "opened")
    runs = ann.github.happen("pull_request", event, tip, SLOW)
    assert [run.outcome.conclusion for run in runs] == ["success", "success"], [run.outcome.log for run in runs]
    assert ann.github.api.verdict(pull["number"]) == "success"
    ann.github.merge(pull["number"])
    assert "### Unchanged" in ann.main()["deploy.yml"].outcome.summary
    names = [(one["environment"], one["name"]) for one in ann.github.api.known["secrets"]]
    assert sorted(names) == [("production", "DEPLOY_KEY"), ("release", "DEPLOY_KEY")]


def test_4_a_pull_request_has_one_comment_and_a_verdict_which_main_asks_for(ann: Newcomer) -> None:
    ann.types(4, block=0)
    tip = git(ann.github.origin, "rev-parse", "first")
    number, runs = open_pull_request(ann.github, Pushed(tip, "first"), without=SLOW)
    assert [(run.workflow, run.outcome.conclusion) for run in runs] == [
        ("experiment.yml", "success"), ("report.yml", "success"),
    ], [run.outcome.log for run in runs]  # fmt: skip
    (comment,) = ann.github.api.comments(number)
    status = ann.github.api.known["commit_statuses"][-1]
    assert (status["context"], status["state"]) == ("verdict", "success")
    assert comment["body"].startswith(f"### {status['description'][:20]}")
    assert quoted(4)[0] in ann.types(4, block=1)
    (main,) = (one for one in ann.github.api.known["rulesets"] if one["name"] == "main")
    assert "'verdict'" in str(main["rules"])


def test_5_merged_it_waits_for_the_reviewers_and_goes_live_signed(ann: Newcomer) -> None:
    ann.github.merge()
    run = ann.main()["deploy.yml"]
    assert results(run) == {"staging": "success", "production": "waiting"}, run.outcome.log
    ann.github.approve(run, "production")
    assert results(run) == {"staging": "success", "production": "success"}, run.outcome.log
    assert named(5) <= ann.tags()
    assert known(ann).current("prod") == "v1.2.0"
    assert "SSH SIGNATURE" in git(ann.github.origin, "cat-file", "tag", "model#prod#2")


def test_6_a_rollback_is_one_click_and_an_approval(ann: Newcomer) -> None:
    run = ann.github.dispatch("rollback.yml", reason="Too slow", version="")
    assert results(run) == {"rollback": "waiting"}, run.outcome.log
    ann.github.approve(run, "rollback")
    assert results(run) == {"rollback": "success"}, run.outcome.log
    assert all(text in run.outcome.summary for text in quoted(6))
    assert named(6) <= ann.tags()
    assert (known(ann).current("prod"), known(ann).current("bad")) == ("v1.1.0", "v1.2.0")


def known(ann: Newcomer) -> Registry:
    """As main says who signs, which the clone has fetched."""
    ann.project.must("git", "fetch", "--quiet", "--tags", "origin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_REPOSITORY", ann.github.api.repository)
        return Registry.fetched(ann.project.root, "origin")
