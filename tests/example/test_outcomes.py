"""The real workflows, run by act in the sandbox: what each kind of pull request ends with, and what it is told."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mlops.judging import publishing, submission
from mlops.workspace import git
from rehearsal.runs import CML, Pushed, Run
from rehearsal.sandbox import Sandbox, open_pull_request, sandbox
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
        push = github.api.push_event("main")
        self.warmed = github.happen("push", push, self.main, without=["checks.yml", "deploy.yml", "image.yml"])

    def opens(
        self, branch: str, *edits: tuple[str, str, str], fork: bool = False, labels: Sequence[str] = ()
    ) -> tuple[int, list[Run]]:
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


def results(finished: list[Run]) -> dict[str, str]:
    return {one.workflow: one.outcome.conclusion for one in finished}


def jobs(finished: list[Run]) -> list[str]:
    """Jobs that ran, one after the other."""
    return [name for one in finished for name, result in one.outcome.jobs.items() if result != "skipped"]


def logs(finished: list[Run]) -> str:
    return "\n".join(one.outcome.log for one in finished)


def cost(finished: list[Run], workflow: str) -> str:
    """What a run's summary says that it found made already, beside its minutes and bytes."""
    said = r"Cost: \d+\.\d minutes; (.*); cache [1-9]\d* MB, storage in git [1-9]\d* MB\."
    (summary,) = (one.outcome.summary for one in finished if one.workflow == workflow)
    return str(re.findall(said, summary)[0])


def verdict(author: Author, number: int) -> str | None:
    return author.github.api.verdict(number)


def only_comment(author: Author, number: int) -> str:
    comments = author.github.api.comments(number)
    assert len(comments) == 1
    return str(comments[0]["body"])


def test_push_to_main_trains_the_base_into_mains_cache(author: Author) -> None:
    assert results(author.warmed) == {"experiment.yml": "success", "report.yml": "skipped"}
    assert list((author.github.folder / "cache/main/runs").iterdir())
    assert cost(author.warmed, "experiment.yml") == "base trained, 0 of 5 partitions known"


def test_better_model_is_accepted_with_a_comment_and_main_trains_no_base_again(author: Author) -> None:
    number, finished = author.opens("better", BETTER)
    assert results(finished) == {"experiment.yml": "success", "report.yml": "success"}, logs(finished)
    assert only_comment(author, number).startswith("### Better: log loss")
    assert verdict(author, number) == "success"
    assert "head: train" in logs(finished)
    assert "base: train" not in logs(finished)
    assert "CML watermark experiment" in only_comment(author, number)
    assert cost(finished, "report.yml") == "nothing trained, all partitions known"
    assert jobs(finished) == ["experiment-pass", "judge", "report"]


def test_worse_model_is_refused_and_still_has_its_report(author: Author) -> None:
    number, finished = author.opens("worse", WORSE)
    assert results(finished) == {"experiment.yml": "success", "report.yml": "success"}, logs(finished)
    assert only_comment(author, number).startswith("### Worse: log loss")
    assert verdict(author, number) == "failure"


def test_a_second_label_that_cancels_the_first_run_leaves_the_report_that_stands(author: Author) -> None:
    number, before = author.github.api.known["pulls"][-1]["number"], len(author.github.api.known["commit_statuses"])
    head = author.github.api.find("pulls", number=number)["head"]
    stands = only_comment(author, number)
    run = author.github.api.add_run("experiment", head["sha"], head["ref"], conclusion="cancelled")
    finished = author.github.happen(
        "workflow_run", author.github.api.workflow_run_event(run), Pushed(head["sha"], head["ref"])
    )
    assert results(finished) == {"report.yml": "skipped"}, logs(finished)
    assert (only_comment(author, number), len(author.github.api.known["commit_statuses"])) == (stands, before)


def test_docs_only_change_is_unchanged(author: Author) -> None:
    number, finished = author.opens("docs", ("README.md", "# Git runs", "# GIT runs"))
    assert results(finished) == {"experiment.yml": "success", "report.yml": "success"}, logs(finished)
    assert only_comment(author, number).startswith("### Unchanged")
    assert verdict(author, number) == "success"
    assert author.github.api.known["artifacts"][-1]["name"] == "comparison"  # nothing was handed in


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
    assert re.search(r"head: data/: object \w{32}\.dir is missing in the branch dvc-storage", told), told
    assert "whoever has it runs `nox -s storage -- push`" in told, told
    bob.must("python", "-m", "pipelines.storage", "push")
    finished = author.github.happen(
        "pull_request", author.github.api.pull_request_event(number, "reopened"), head, ["checks.yml"]
    )
    assert "column 'hour'" in only_comment(author, number), logs(finished)


def test_training_whose_runner_was_lost_is_reported_with_a_link(author: Author) -> None:
    head = author.commits("lost", BETTER)
    number = author.github.api.open_pull_request(head_branch="lost", head_sha=head.sha)
    run = author.github.api.add_run("experiment", head.sha, "lost", conclusion="failure")
    report(author, run, head)
    assert "head: the submission lacks model.onnx" in only_comment(author, number).replace("\\", "")
    assert verdict(author, number) == "failure"


def test_fork_has_no_rights_and_is_judged_alike(author: Author) -> None:
    number, finished = author.opens("fork", ("params.yaml", "trees: 100", "trees: 90"), fork=True)
    assert results(finished)["report.yml"] == "success", logs(finished)
    assert only_comment(author, number).startswith("### Inconclusive")
    assert verdict(author, number) == "success"
    stranger = Job(author.github.api, finished[0].token)
    assert stranger.post(f"/issues/{number}/comments", {"body": "x"}).status == 403


SWAP = """
import atexit
import pathlib
import shutil


def _swap() -> None:
    own = pathlib.Path("artifacts/model.onnx").resolve()
    for top in own.parents:
        for model in top.glob(".dvc/**/model.onnx"):
            if model.resolve() != own:
                model.unlink()
                shutil.copy(own, model)


atexit.register(_swap)
"""


def test_what_a_training_does_to_its_machine_reaches_neither_this_verdict_nor_the_next(author: Author) -> None:
    """It swaps every model that it finds above itself; there is none but its own."""
    model = (author.project.root / "src/problem/model.py").read_text()
    number, finished = author.opens("swap", WORSE, ("src/problem/model.py", model, model + SWAP))
    assert only_comment(author, number).startswith("### Worse: log loss"), logs(finished)
    assert verdict(author, number) == "failure"
    number, finished = author.opens("after-swap", BETTER)
    assert only_comment(author, number).startswith("### Better: log loss"), logs(finished)
    assert "base: train" not in logs(finished)


def test_a_commit_of_two_pull_requests_is_refused_in_both(author: Author) -> None:
    """A stranger's pull request with another's commit would have that judged by its own submission."""
    head = author.commits("twice", ("README.md", "# Git runs", "# Twice runs"))
    first = author.github.api.open_pull_request(head_branch="twice", head_sha=head.sha)
    again = author.github.api.open_pull_request(head_branch="again", head_sha=head.sha, fork="stranger")
    run = author.github.api.add_run("experiment", head.sha, "again", fork="stranger")
    finished = report(author, run, Pushed(head.sha, "again", fork=True))
    assert results(finished) == {"report.yml": "success"}, logs(finished)
    for number in (first, again):
        assert f"(#{first}, #{again})" in only_comment(author, number).replace("\\", "").replace("\u200b", "")
        assert verdict(author, number) == "failure"


def test_labels_are_those_that_there_are_when_it_is_judged(author: Author) -> None:
    """One that came after the training counts, and one that the run was started with, and that is gone, doesn't."""
    unit = ("src/problem/schema.py", 'unit="h, scheduled, local"', 'unit="h, actual, local"')
    number, finished = author.opens("retyped", unit)
    assert only_comment(author, number).startswith("### Incomparable"), logs(finished)
    assert verdict(author, number) == "failure"
    author.github.api.add_label(number, "accept-incomparable")
    run = next(one.run_id for one in finished if one.workflow == "experiment.yml")
    head = Pushed(author.github.api.find("pulls", number=number)["head"]["sha"], "retyped")
    report(author, run, head)
    assert "**Accepted.** Accepted by the label" in only_comment(author, number)
    assert verdict(author, number) == "success"


def test_the_merge_queue_is_judged_and_gets_its_status(author: Author) -> None:
    number, _ = author.opens("queued", ("params.yaml", "trees: 100", "trees: 80"))
    branch = f"gh-readonly-queue/main/pr-{number}-{author.main.sha}"
    head = author.commits(branch, ("params.yaml", "trees: 100", "trees: 80"))
    payload = author.github.api.merge_group_event(head.sha, f"refs/heads/{branch}", author.main.sha)
    finished = author.github.happen("merge_group", payload, head, without=["checks.yml"])
    assert results(finished) == {"experiment.yml": "success", "report.yml": "success"}, logs(finished)
    posted = [one for one in author.github.api.known["commit_statuses"] if one["_sha"] == head.sha]
    assert [one["state"] for one in posted] == ["success"]
    assert len(author.github.api.comments(number)) == 1


def test_label_trains_on_all_rows(author: Author) -> None:
    number, finished = author.opens("label", ("params.yaml", "trees: 100", "trees: 10"), labels=["full-training"])
    assert results(finished)["report.yml"] == "success", logs(finished)
    assert "(50 %)" in only_comment(author, number)


def report(author: Author, run: int, head: Pushed) -> list[Run]:
    return author.github.happen("workflow_run", author.github.api.workflow_run_event(run), head)


def uploaded(author: Author, content: bytes, branch: str, claimed: int = 0) -> tuple[int, list[Run]]:
    """A pull request whose experiment uploaded `content`, of as many bytes as claimed, as its submission."""
    head = author.commits(branch, ("README.md", "# Git runs", f"# {branch}"))
    number = author.github.api.open_pull_request(head_branch=branch, head_sha=head.sha)
    run = author.github.api.add_run("experiment", head.sha, branch)
    author.github.api.add_artifact(run, "submission", content)
    author.github.api.known["artifacts"][-1]["size_in_bytes"] = claimed or len(content)
    return number, report(author, run, head)


@pytest.mark.parametrize(("claimed", "says"), [(0, "is no zip file"), (submission.MOST_BYTES + 1, "are allowed")])
def test_hostile_artifact_is_refused_in_a_comment(claimed: int, says: str, author: Author) -> None:
    number, finished = uploaded(author, b"no zip at all", f"hostile-{claimed}", claimed)
    assert results(finished) == {"report.yml": "success"}, logs(finished)
    assert only_comment(author, number).startswith("### No report")
    assert says in only_comment(author, number)
    assert verdict(author, number) == "failure"


def test_comment_is_updated_in_place_also_behind_thirty_others(author: Author) -> None:
    head = author.commits("busy", ("README.md", "# Git runs", "# Busy runs"))
    number = author.github.api.open_pull_request(head_branch="busy", head_sha=head.sha)
    talker = Job(author.github.api, author.github.api.token({"pull-requests": "write"}, "talker"))
    for n in range(40):
        assert talker.post(f"/issues/{number}/comments", {"body": f"thought {n}"}).status == 201
    for content in (b"no zip", None):
        run = author.github.api.add_run("experiment", head.sha, "busy")
        if content:
            author.github.api.add_artifact(run, "submission", content)
        report(author, run, head)
    ours = [one["body"] for one in author.github.api.comments(number) if publishing.is_marked(one["body"])]
    assert len(ours) == 1
    assert ours[0].startswith("### Unchanged")


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
