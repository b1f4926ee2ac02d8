"""The real workflows, run by act in the sandbox: what each kind of pull request ends with, and what it is told."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mlops.judging import publishing
from mlops.workspace import git
from rehearsal.sandbox import CML, Finished, Pushed, Sandbox, open_pull_request, sandbox
from tests.conftest import Project, clone
from tests.rehearsal.conftest import Job

pytestmark = pytest.mark.xdist_group("workflows")  # they share a sandbox, so that main's cache is trained once
BETTER = ("params.yaml", "learning_rate: 0.3", "learning_rate: 0.1")
WORSE = ("params.yaml", "learning_rate: 0.3", "learning_rate: 1.0")
BROKEN = ("src/problem/schema.py", "high=23", "high=12")


class Author:
    """Someone who opens pull requests in a sandbox whose main has been pushed."""

    def __init__(self, github: Sandbox, project: Project) -> None:
        self.github, self.project = github, project
        project.edit("params.yaml", "sample_rows: 20000", "sample_rows: 8000")
        project.edit("params.yaml", "trainings: 5", "trainings: 2")
        project.commit()
        self.main = github.publish(project.root, "HEAD", "main")
        push = {"ref": "refs/heads/main", "repository": {"default_branch": "main"}}
        self.warmed = github.happen("push", push, self.main, without=["checks.yml", "deploy.yml", "image.yml"])

    def opens(
        self, branch: str, *edits: tuple[str, str, str], fork: bool = False, labels: Sequence[str] = ()
    ) -> tuple[int, list[Finished]]:
        """Open a pull request with these edits; checks.yml is left out, as it would run this test again."""
        head = self.commits(branch, *edits, fork=fork)
        return open_pull_request(self.github, head, labels, without=["checks.yml"])

    def commits(self, branch: str, *edits: tuple[str, str, str], fork: bool = False) -> Pushed:
        for edit in edits:
            self.project.edit(*edit)
        try:
            return self.github.push(self.project.root, self._tree(), branch, self.main, fork)
        finally:
            self.project.must("git", "reset", "--quiet", "--hard")

    def _tree(self) -> str:
        self.project.must("git", "add", "--all")
        return git(self.project.root, "write-tree")


@pytest.fixture(scope="module")
def author(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    project = clone(template, tmp_path_factory.mktemp("author") / "clone")
    with sandbox(tmp_path_factory.mktemp("sandbox")) as github:
        yield Author(github, project)


def results(finished: list[Finished]) -> dict[str, str]:
    return {one.workflow: one.outcome.conclusion for one in finished}


def logs(finished: list[Finished]) -> str:
    return "\n".join(one.outcome.log for one in finished)


def cost(finished: list[Finished]) -> str:
    """What the experiment's summary says that it found made already, beside its minutes and bytes."""
    said = r"Cost: \d+\.\d minutes; (.*); cache [1-9]\d* MB, storage in git [1-9]\d* MB\."
    return str(re.findall(said, finished[0].outcome.summary)[-1])


def only_comment(author: Author, number: int) -> str:
    comments = author.github.api.comments(number)
    assert len(comments) == 1
    return str(comments[0]["body"])


def test_push_to_main_trains_the_base_into_mains_cache(author: Author) -> None:
    assert results(author.warmed) == {"experiment.yml": "success", "report.yml": "skipped"}
    assert list((author.github.folder / "cache/main/runs").iterdir())
    assert cost(author.warmed) == "base trained, 0 of 5 partitions known"


def test_better_model_is_accepted_with_a_comment_and_main_trains_no_base_again(author: Author) -> None:
    number, finished = author.opens("better", BETTER)
    assert results(finished) == {"experiment.yml": "success", "report.yml": "success"}, logs(finished)
    assert only_comment(author, number).startswith("### Better: log loss")
    assert "head: train" in logs(finished)
    assert "base: train" not in logs(finished)
    assert "CML watermark experiment" in only_comment(author, number)
    assert finished[0].outcome.summary.startswith("### Better: log loss")
    assert cost(finished) == "base from cache, all partitions known"


def test_worse_model_is_refused_and_still_has_its_report(author: Author) -> None:
    number, finished = author.opens("worse", WORSE)
    assert results(finished) == {"experiment.yml": "failure", "report.yml": "success"}, logs(finished)
    assert finished[0].outcome.jobs == {"experiment": "failure", "experiment-pass": "failure"}
    assert finished[0].outcome.steps[-2].name.endswith("pipelines.gate")
    assert only_comment(author, number).startswith("### Worse: log loss")


def test_docs_only_change_is_unchanged(author: Author) -> None:
    number, finished = author.opens("docs", ("README.md", "# Git runs", "# GIT runs"))
    assert results(finished) == {"experiment.yml": "success", "report.yml": "success"}, logs(finished)
    assert only_comment(author, number).startswith("### Unchanged")


def test_failed_training_says_what_failed_and_where_to_look(author: Author) -> None:
    number, finished = author.opens("broken", BROKEN)
    assert results(finished) == {"experiment.yml": "failure", "report.yml": "success"}, logs(finished)
    body = only_comment(author, number)
    assert "### Failed" in body
    assert "column 'hour'" in body
    assert "/actions/runs/" in body


def test_new_data_needs_its_objects_in_the_storage(author: Author, tmp_path: Path) -> None:
    """Without them the comment names what is missing and the command that mends it; with them validation sees them."""
    bob = clone(author.github.origin, tmp_path / "bob")
    bob.must("dvc", "pull", "--quiet", "data.dvc", "live.dvc")
    shutil.copy(bob.root / "live/2013-06.parquet", bob.root / "data/2013-06.parquet")
    bob.must("dvc", "add", "--quiet", "data")
    assert bob.step("storage", "settle").returncode == 1
    bob.edit(*BROKEN)
    bob.commit("June")
    head = author.github.publish(bob.root, "HEAD", "june")
    number, finished = open_pull_request(author.github, head, without=["checks.yml"])
    assert results(finished) == {"experiment.yml": "failure", "report.yml": "success"}, logs(finished)
    told = only_comment(author, number).replace("\\", "")
    assert re.search(r"Missing in the storage.*: data \(\w{32}\.dir\)", told)
    assert "Whoever has it runs `nox -s storage -- push`" in told, told
    bob.must("python", "-m", "pipelines.storage", "push")
    finished = author.github.happen(
        "pull_request", author.github.api.pull_request_event(number, "reopened"), head, ["checks.yml"]
    )
    assert "column 'hour'" in only_comment(author, number), logs(finished)


def test_cancelled_training_is_reported_with_a_link(author: Author) -> None:
    head = author.commits("cancelled", BETTER)
    number = author.github.api.open_pull_request(head_branch="cancelled", head_sha=head.sha)
    run = author.github.api.add_run("experiment", head.sha, "cancelled", conclusion="cancelled")
    report(author, run, head)
    assert "ended as `cancelled`" in only_comment(author, number)


def test_fork_has_no_rights_and_its_numbers_are_labelled(author: Author) -> None:
    number, finished = author.opens("fork", ("params.yaml", "trees: 100", "trees: 90"), fork=True)
    assert results(finished)["report.yml"] == "success", logs(finished)
    assert only_comment(author, number).startswith("> These numbers were computed by the code of a fork")
    stranger = Job(author.github.api, finished[0].token)
    assert stranger.post(f"/issues/{number}/comments", {"body": "x"}).status == 403


def test_label_trains_on_all_rows(author: Author) -> None:
    number, finished = author.opens("label", ("params.yaml", "trees: 100", "trees: 10"), labels=["full-training"])
    assert results(finished)["report.yml"] == "success", logs(finished)
    assert "(50 %)" in only_comment(author, number)


def report(author: Author, run: int, head: Pushed) -> list[Finished]:
    return author.github.happen("workflow_run", author.github.api.workflow_run_event(run), head)


def uploaded(author: Author, content: bytes, branch: str) -> tuple[int, list[Finished]]:
    """A pull request whose experiment uploaded `content` as its zip."""
    head = author.commits(branch, ("README.md", "# Git runs", f"# {branch}"))
    number = author.github.api.open_pull_request(head_branch=branch, head_sha=head.sha)
    run = author.github.api.add_run("experiment", head.sha, branch)
    author.github.api.add_artifact(run, "comparison", content)
    return number, report(author, run, head)


@pytest.mark.parametrize("content", [b"no zip at all", b"x" * (publishing.MOST_BYTES + 1)], ids=["broken", "huge"])
def test_hostile_artifact_is_refused_in_a_comment(content: bytes, author: Author) -> None:
    number, finished = uploaded(author, content, f"hostile-{len(content)}")
    assert results(finished) == {"report.yml": "success"}, logs(finished)
    assert only_comment(author, number).startswith("### No report")


def test_comment_is_updated_in_place_also_behind_thirty_others(author: Author) -> None:
    head = author.commits("busy", ("README.md", "# Git runs", "# Busy runs"))
    number = author.github.api.open_pull_request(head_branch="busy", head_sha=head.sha)
    talker = Job(author.github.api, author.github.api.token({"pull-requests": "write"}, "talker"))
    for n in range(40):
        assert talker.post(f"/issues/{number}/comments", {"body": f"thought {n}"}).status == 201
    for content in (b"no zip", b"x" * (publishing.MOST_BYTES + 1)):
        run = author.github.api.add_run("experiment", head.sha, "busy")
        author.github.api.add_artifact(run, "comparison", content)
        report(author, run, head)
    ours = [one["body"] for one in author.github.api.comments(number) if publishing.is_marked(one["body"])]
    assert len(ours) == 1
    assert "before it could compare" in ours[0]


def test_without_cml_the_report_is_posted_through_the_api(author: Author) -> None:
    author.github.cml = Path("/nonexistent")
    try:
        number, finished = uploaded(author, b"no zip", "without-cml")
    finally:
        author.github.cml = CML
    assert results(finished) == {"report.yml": "success"}, logs(finished)
    assert publishing.is_marked(only_comment(author, number))


def test_run_of_an_older_head_says_nothing(author: Author) -> None:
    head = author.commits("older", BETTER)
    number = author.github.api.open_pull_request(head_branch="older", head_sha=head.sha)
    run = author.github.api.add_run("experiment", head.sha, "older")
    author.github.api.update_head(number, author.commits("older", WORSE).sha)
    report(author, run, head)
    assert author.github.api.comments(number) == []


@pytest.mark.parametrize(
    ("edit", "conclusion"),
    [(("README.md", "# Git", "# GIT"), "success"), (("noxfile.py", "import os\n", "import  os\n"), "failure")],
)
def test_checks_pass_or_fail_with_what_they_run(edit: tuple[str, str, str], conclusion: str, author: Author) -> None:
    """Lint alone, as the tests would run this test again."""
    author.github.options = ["--matrix", "session:lint"]
    try:
        head = author.commits(f"lint-{conclusion}", edit)
        _, finished = open_pull_request(author.github, head, without=["experiment.yml"])
    finally:
        author.github.options = []
    assert results(finished) == {"checks.yml": conclusion}, logs(finished)
    assert finished[0].outcome.jobs["checks-pass"] == conclusion


@pytest.mark.parametrize(("name", "pushed"), [("report", False), ("staging", True)])
def test_push_is_refused_without_the_right(name: str, pushed: bool, author: Author, tmp_path: Path) -> None:
    job = clone(author.github.origin, tmp_path / "job")
    environment = {"REHEARSAL_PUSHERS": "staging production", "GITHUB_JOB": name}
    done = job.run("git", "push", "origin", f"HEAD:refs/heads/by-{name}", **environment)
    assert (done.returncode == 0) == pushed, done.stderr
    assert ("denied to github-actions[bot]" in done.stderr) != pushed
