"""The stand-in for CML keeps CML's contract, run by node against the small GitHub."""

import json
import os
import re
import shutil
import subprocess

import pytest

from tests.rehearsal.conftest import CML, Job

SHA, LATER = "a" * 40, "b" * 40
WRONG = "ghs_wrong"
PROGRAM = CML / "bin/cml.js"
TITLE = "experiment"
REPO, QUIET = "--repo=https://github.com/owner/project", "--publish=false"
WHERE = [REPO, "--target=pr/1"]
USUAL = [*WHERE, QUIET, f"--watermark-title={TITLE}"]


@pytest.fixture
def cml(hub, tmp_path):
    """Runs the program on a report in a pull request's repository; keywords are variables of its environment."""
    hub.open_pull_request("change", SHA)
    (tmp_path / "report.md").write_text("Better: log loss\n")
    usual = {
        "PATH": os.environ["PATH"], "GITHUB_API_URL": hub.url, "GITHUB_SHA": SHA, "GITHUB_ACTOR": "ann",
        "GITHUB_TOKEN": hub.token({"pull-requests": "write"}),
    }  # fmt: skip

    def run(*words, report="report.md", action="update", **variables):
        return subprocess.run(
            ["node", PROGRAM, "comment", action, *words, tmp_path / report],
            env={**usual, **variables}, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_the_report_is_posted_under_its_watermark(hub, cml):
    done = cml(*USUAL)
    (comment,) = hub.comments(1)
    assert (done.returncode, done.stdout.strip()) == (0, comment["html_url"])
    mark = f'![](https://cml.dev/watermark.png#{SHA} "CML watermark {TITLE}")'
    assert comment["body"] == f"Better: log loss\n\n\n{mark}"


def test_the_user_is_asked_for_first(hub, cml):
    cml(*USUAL)
    asked = [(request.method, request.path.removeprefix("/repos/owner/project")) for request in hub.requests]
    assert asked == [("GET", "/users/ann"), ("GET", "/issues/1/comments"), ("POST", "/issues/1/comments")]


def test_a_later_commit_updates_the_same_comment(hub, cml):
    first = cml(*USUAL).stdout
    assert cml(*USUAL, GITHUB_SHA=LATER).stdout == first
    assert [LATER in comment["body"] for comment in hub.comments(1)] == [True]


def test_another_title_or_create_gets_a_comment_of_its_own(hub, cml):
    cml(*USUAL)
    cml(*WHERE, QUIET, "--watermark-title=other_[1]*")
    cml(*WHERE, QUIET, "--watermark-title=other_[1]*")
    cml(*USUAL, action="create")
    titles = [re.findall('"CML watermark (.*)"', comment["body"])[0] for comment in hub.comments(1)]
    assert titles == [TITLE, r"other\_\[1]\*", TITLE]


@pytest.mark.parametrize(("others", "comments"), [(29, 30), (30, 32)])
def test_only_the_first_thirty_comments_are_read(hub, cml, others, comments):
    talk = Job(hub, hub.token({"issues": "write"}))
    for n in range(others):
        talk.post("/issues/1/comments", {"body": f"remark {n}"})
    cml(*USUAL)
    cml(*USUAL)
    assert len(hub.comments(1)) == comments


def test_in_a_pull_request_the_watermark_holds_its_head(hub, cml, tmp_path):
    (tmp_path / "event.json").write_text(json.dumps(hub.pull_request_event(1, "opened")))
    variables = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    cml(*USUAL, GITHUB_SHA=LATER, **variables)
    assert f"#{SHA} " in hub.comments(1)[0]["body"]


def test_tokens_are_taken_in_order(hub, cml):
    good = hub.token({"pull-requests": "write"}, actor="ann")
    assert cml(*USUAL, f"--token={good}", REPO_TOKEN=WRONG).returncode == 0
    assert cml(*USUAL, REPO_TOKEN=good, repo_token=WRONG, GITHUB_TOKEN=WRONG).returncode == 0
    assert cml(*USUAL, repo_token=good, GITHUB_TOKEN=WRONG).returncode == 0
    assert hub.comments(1)[0]["user"]["login"] == "ann"


@pytest.mark.parametrize(
    ("words", "variables", "fault"),
    [
        (USUAL, {"GITHUB_TOKEN": ""}, "token not found"),
        (USUAL, {"GITHUB_TOKEN": WRONG}, "Bad credentials"),
        (USUAL, {"GITHUB_API_URL": ""}, "GITHUB_API_URL is not set"),
        (USUAL, {"report": "none.md"}, "no such file"),
        (USUAL, {"action": "delete"}, "Unknown command: comment delete"),
        ([*USUAL, "--frobnicate"], {}, "Unknown option '--frobnicate'"),
        (WHERE, {}, "Say --publish=false"),
        ([*WHERE, "--publish=true"], {}, "Say --publish=false"),
        ([REPO, QUIET, f"--target=commit/{SHA}"], {}, f'Target "commit/{SHA}" is not in this stand-in'),
        ([REPO, QUIET, "--target=pr"], {}, 'Target "pr" is not in this stand-in'),
        ([REPO, QUIET, "--target=pr/9"], {}, "Not Found"),
        (["--target=pr/1", QUIET], {}, "repo not found"),
    ],
)
def test_what_cannot_be_done_is_an_error_that_says_why(hub, cml, words, variables, fault):
    done = cml(*words, **variables)
    assert (done.returncode, done.stdout, hub.comments(1)) == (1, "", [])
    assert fault in done.stderr


def test_a_token_that_may_only_read_posts_nothing(hub, cml):
    done = cml(*USUAL, GITHUB_TOKEN=hub.token({"pull-requests": "read"}))
    assert (done.returncode, done.stderr) == (1, "error: Resource not accessible by integration\n")
    assert hub.comments(1) == []


def test_a_report_above_the_limit_is_refused_by_github(cml, tmp_path):
    (tmp_path / "long.md").write_text("x" * 65_536)
    done = cml(*USUAL, report="long.md")
    assert done.returncode == 1
    assert "body is too long (maximum is 65536 characters)" in done.stderr


def test_the_package_installs_offline_as_the_real_one_does(tmp_path):
    folder = shutil.copytree(CML, tmp_path / "cml", ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--ignore-scripts", "--omit=dev", "--offline", "--silent", "--prefix", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
