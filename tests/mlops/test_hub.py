"""What a workflow asks of GitHub to start another and to open its one pull request, answered by the small GitHub."""

import shutil
import subprocess
from pathlib import Path

import pytest
from github import GithubException

from mlops.contract import BadInput
from mlops.hub import Hub
from mlops.releasing.addition import BRANCH
from mlops.workspace import origin
from rehearsal.api import TROUBLE, GitHub
from rehearsal.github.calls import Answer
from tests.conftest import ENVIRONMENT, ROOT

RIGHTS = {"pull-requests": "write", "actions": "write"}


@pytest.fixture
def github(tmp_path: Path):
    """GitHub with a repository that has main, retrain.yml, and the branch retrain."""
    work, bare = tmp_path / "work", tmp_path / "origin.git"
    (work / ".github/workflows").mkdir(parents=True)
    shutil.copy(ROOT / ".github/workflows/retrain.yml", work / ".github/workflows")
    for words in (["init", "--quiet", "--initial-branch=main"], ["add", "."], ["commit", "--quiet", "-m", "x"],
                  ["branch", BRANCH], ["clone", "--quiet", "--bare", ".", str(bare)]):  # fmt: skip
        subprocess.run(["git", *words], cwd=work, env=ENVIRONMENT, check=True)
    with GitHub(tmp_path / "github", bare=bare) as served:
        yield served


def hub(github: GitHub, rights: dict[str, str] = RIGHTS) -> Hub:
    about = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github.repository}
    return Hub.connect({"GITHUB_TOKEN": github.token(rights), **about})


def test_a_branch_has_one_open_pull_request_that_is_brought_up_to_date(github):
    first = hub(github).propose(BRANCH, "June", "30 days")
    assert hub(github).propose(BRANCH, "June and July", "61 days") == first
    (pull,) = github.known["pulls"]
    assert (pull["title"], pull["body"], pull["html_url"]) == ("June and July", "61 days", first)


def test_once_that_one_is_merged_the_next_is_a_new_one(github):
    first = hub(github).propose(BRANCH, "June", "30 days")
    assert hub(github).open_pull_request(BRANCH).html_url == first
    github.merge(1, "f" * 40)
    assert hub(github).open_pull_request(BRANCH) is None
    assert hub(github).propose(BRANCH, "July", "31 days") != first


def test_where_settings_forbid_it_the_remedy_is_said(github, monkeypatch):
    respond = github.respond

    def forbidden(method, target, headers, body):
        if method == "POST":
            text = b'{"message": "GitHub Actions is not permitted to create or approve pull requests."}'
            return Answer(text, 403)
        return respond(method, target, headers, body)

    monkeypatch.setattr(github, "respond", forbidden)
    with pytest.raises(BadInput, match="Allow GitHub Actions to create and approve pull requests"):
        hub(github).propose(BRANCH, "June", "30 days")


@pytest.mark.parametrize(
    ("workflow", "rights", "answer", "asked"),
    [
        ("retrain.yml", RIGHTS, "retrain.yml was started", [{"reason": "drift"}]),
        ("none.yml", RIGHTS, "none.yml wasn't started: GitHub answered 404", []),
        ("retrain.yml", {"actions": "read"}, "retrain.yml wasn't started: GitHub answered 403", []),
    ],
)
def test_a_workflow_is_started_with_its_inputs_by_who_may(github, workflow, rights, answer, asked):
    assert hub(github, rights).start(workflow, reason="drift") == answer
    assert [one["inputs"] for one in github.dispatched()] == asked
    assert github.dispatched() == []


@pytest.mark.parametrize(("run", "page"), [("7", "actions/runs/7"), ("", "actions")])
def test_page_of_a_run_is_that_of_all_where_no_workflow_runs(github, monkeypatch, run, page):
    monkeypatch.setenv("GITHUB_RUN_ID", run)
    assert hub(github).run_url == f"https://github.com/{github.repository}/{page}"


def test_without_token_and_repository_nobody_asks_github(monkeypatch):
    for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "of a person's shell")
    assert Hub.of_job() is None
    monkeypatch.setenv("GITHUB_REPOSITORY", "ann/flights")
    elsewhere = Hub.of_job()
    assert elsewhere is not None
    assert elsewhere.repository.requester.base_url == "https://api.github.com"


OVERLOADED, LIMITED = TROUBLE


@pytest.mark.parametrize("trouble", [[OVERLOADED], [OVERLOADED, LIMITED], [LIMITED]], ids=len)
@pytest.mark.parametrize("kind", ["read", "write", "edit"])
def test_a_server_error_and_a_rate_limit_are_waited_out(kind, trouble, github):
    asking = hub(github)
    asking.propose(BRANCH, "June", "30 days")
    github.trouble = [*trouble]
    if kind == "read":
        assert asking.open_pull_request(BRANCH).number == 1
    elif kind == "write":
        assert asking.start("retrain.yml", reason="drift") == "retrain.yml was started"
        assert len(github.dispatched()) == 1
    else:
        asking.ask("PATCH", "pulls/1", {"title": "July"})
        assert github.known["pulls"][0]["title"] == "July"
    assert github.trouble == []


def test_a_refusal_is_no_trouble_to_wait_out(github):
    before = len(github.requests)
    assert hub(github, {}).start("retrain.yml") == "retrain.yml wasn't started: GitHub answered 403"
    assert len(github.requests) - before <= 2


@pytest.fixture
def version(github, tmp_path):
    """A version's tag, and two files of it."""
    subprocess.run(["git", f"--git-dir={github.bare}", "tag", "model@v1.0.0", "main"], env=ENVIRONMENT, check=True)
    files = [tmp_path / name for name in ("model.onnx", "model.json")]
    for file in files:
        file.write_text(file.name)
    return files


def releases(github):
    return [(one["tag_name"], one["draft"]) for one in github.known["releases"]]


def assets(github):
    return [one["name"] for one in github.known["assets"]]


def test_a_release_is_published_once_it_has_its_files_as_it_may_be_immutable(github, version):
    writing = hub(github, {"contents": "write"})
    page = writing.publish("model@v1.0.0", "The card", version)
    assert (releases(github), assets(github)) == ([("model@v1.0.0", False)], ["model.onnx", "model.json"])
    assert writing.publish("model@v1.0.0", "Other words", version) == page
    assert [one["body"] for one in github.known["releases"]] == ["The card"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # PyGithub leaves the file open
def test_a_release_that_was_cut_off_is_completed(github, version, monkeypatch):
    respond = github.respond

    def cut_off(method, target, headers, body):
        if "assets?" in target and "model.json" in target:
            return Answer(b'{"message": "Resource not accessible by integration"}', 403)
        return respond(method, target, headers, body)

    with monkeypatch.context() as patch:
        patch.setattr(github, "respond", cut_off)
        with pytest.raises(GithubException):
            hub(github, {"contents": "write"}).publish("model@v1.0.0", "The card", version)
    assert (releases(github), assets(github)) == ([("model@v1.0.0", True)], ["model.onnx"])
    hub(github, {"contents": "write"}).publish("model@v1.0.0", "The card", version)
    assert (releases(github), assets(github)) == ([("model@v1.0.0", False)], ["model.onnx", "model.json"])


def test_an_empty_file_that_a_server_error_left_is_replaced(github, version):
    """GitHub keeps its name, in another state than `uploaded`."""
    writing = hub(github, {"contents": "write"})
    made = writing.repository.create_git_release("model@v1.0.0", "model@v1.0.0", "The card", draft=True)
    github.add("assets", "releases/assets/{id}", name="model.onnx", size=0, state="open", _release=made.id)
    writing.publish("model@v1.0.0", "The card", version)
    assert sorted((one["name"], one["state"]) for one in github.known["assets"]) == [
        ("model.json", "uploaded"), ("model.onnx", "uploaded"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (
            "git@git.example.com:owner/project.git",
            "owner/project is on a GitHub Enterprise Server, whose runners",
        ),
        ("https://gitlab.com/owner", "which is no repository at GitHub"),
    ],
)
def test_where_the_workflows_cannot_run_is_said(url, why, tmp_path, monkeypatch):
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, env=ENVIRONMENT, check=True)
    subprocess.run(["git", "remote", "add", "origin", url], cwd=tmp_path, env=ENVIRONMENT, check=True)
    for name in ("GITHUB_REPOSITORY", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "a token")
    with pytest.raises(BadInput, match=why):
        Hub.of_person(tmp_path)


def test_ghe_com_has_its_api_under_a_name_of_its_own():
    found = origin("https://acme.ghe.com/owner/project.git")
    assert found == {"GITHUB_REPOSITORY": "owner/project", "GITHUB_API_URL": "https://api.acme.ghe.com"}
