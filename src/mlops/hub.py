"""What the workflows ask of GitHub, through its REST API."""

import base64
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from github import Auth, Github, GithubException, GithubRetry, UnknownObjectException
from github.PullRequest import PullRequest
from github.Repository import Repository

from mlops.contract import BadInput
from mlops.workspace import SERVER_API, git, origin

API = "https://api.github.com"
# Waits out GitHub's 5xx and its rate limits; what changes something is sent again, too, but not where no answer came
PATIENT = GithubRetry(
    total=5, read=0, backoff_factor=1, allowed_methods=None, secondary_rate_wait=60, max_rate_limit_wait=900
)
JUDGED = re.compile(r"\?judged=([0-9]+)$")
UNQUEUED = {"full-training"}  # GitHub tells a run of the queue no labels: it trains on the usual sample
QUEUED = re.compile(r"gh-readonly-queue/.+/pr-(?P<number>[0-9]+)-[0-9a-f]{40}")  # a branch of GitHub's merge queue


@dataclass(frozen=True)
class Judged:
    """What to judge: the submission of a workflow run, of this commit, as these labels of its pull request say."""

    run: int
    sha: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Hub:
    """The repository that the workflow runs in."""

    repository: Repository
    token: str

    @classmethod
    def connect(cls, environment: Mapping[str, str] = os.environ) -> "Hub":
        """Connect as the job, by GITHUB_TOKEN and the variables that every GitHub runner sets."""
        token = environment["GITHUB_TOKEN"]
        github = Github(
            auth=Auth.Token(token),
            base_url=environment.get("GITHUB_API_URL", API),
            retry=PATIENT,
            timeout=60,
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        return cls(github.get_repo(environment["GITHUB_REPOSITORY"], lazy=True), token)

    @classmethod
    def of_person(cls, root: Path) -> "Hub":
        """Connect by the token in GITHUB_TOKEN to the repository of GITHUB_REPOSITORY, or of git's origin.

        Raises
        ------
        BadInput
            There is no token, or no repository that it opens; or the workflows can't run there.
        """
        if not os.environ.get("GITHUB_TOKEN"):
            raise BadInput(
                "GITHUB_TOKEN is not set: make a token for the repository (github.com/settings/personal-access-tokens) "
                "with Actions: read, Administration: write, Commit statuses: read, Environments: write, Pull requests: "
                "write, and the organisation's Members: read where teams review; or GITHUB_TOKEN=$(gh auth token)"
            )
        place = {} if os.environ.get("GITHUB_REPOSITORY") else origin(git(root, "remote", "get-url", "origin"))
        if place.get("GITHUB_API_URL", "").endswith(SERVER_API):
            raise BadInput(
                f"{place['GITHUB_REPOSITORY']} is on a GitHub Enterprise Server, whose runners keep no artifacts of "
                "the kind that pull requests hand in (actions/upload-artifact from v4 on). github.com, ghe.com do"
            )
        variables = {**os.environ, **place}
        hub = cls.connect(variables)
        try:
            hub.ask("GET", "")
        except GithubException as error:
            raise BadInput(
                f"GitHub answered {error.status} for {variables['GITHUB_REPOSITORY']}: there is no such repository, or "
                "GITHUB_TOKEN may not see it"
            ) from None
        return hub

    @classmethod
    def of_job(cls) -> "Hub | None":
        """Connect where a job, or a schedule elsewhere, has a token and says of which repository; nobody else asks."""
        return cls.connect() if {"GITHUB_TOKEN", "GITHUB_REPOSITORY"} <= os.environ.keys() else None

    @property
    def run(self) -> int:
        """The number of the workflow's run."""
        return int(os.environ["GITHUB_RUN_ID"])

    @property
    def run_url(self) -> str:
        """The page of the workflow's run; of all runs, for a schedule elsewhere."""
        server, run = os.environ.get("GITHUB_SERVER_URL", "https://github.com"), os.environ.get("GITHUB_RUN_ID")
        return f"{server}/{self.repository.full_name}/actions" + (f"/runs/{run}" if run else "")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request, for what PyGithub has no words for; the path is below the repository's, or "/users/ann"."""
        place = path if path.startswith("/") else f"{self.repository.url}/{path}".rstrip("/")
        _, content = self.repository.requester.requestJsonAndCheck(method, place, input=body)
        return content

    def find(self, path: str) -> Any:
        """What is at a path below the repository's; None where nothing is."""
        try:
            return self.ask("GET", path)
        except UnknownObjectException:
            return None

    def pull_requests_of(self, run: Mapping[str, Any]) -> list[PullRequest]:
        """The open pull requests whose head is the commit that the workflow run was of, forks' included.

        GitHub's own record of the run says which commit that was; nothing that the run uploaded is asked. A run that a
        merge queue started is of no pull request's head.
        """
        return [pull for pull in self.repository.get_pulls(state="open") if pull.head.sha == run["head_sha"]]

    def judged(self, run: Mapping[str, Any]) -> Judged:
        """What a finished run asks to judge, with the labels that its pull request has now.

        Raises
        ------
        BadInput
            No open pull request into the default branch has that commit as its head, or several have.
        """
        sha, main = run["head_sha"], self.repository.default_branch
        queued = QUEUED.fullmatch(run["head_branch"]) if run["event"] == "merge_group" else None
        if queued:
            labels = self.repository.get_pull(int(queued["number"])).labels
            return Judged(run["id"], sha, frozenset(label.name for label in labels) - UNQUEUED)
        pulls = [pull for pull in self.pull_requests_of(run) if pull.base.ref == main]
        if len(pulls) > 1:
            numbers = ", ".join(sorted(f"#{pull.number}" for pull in pulls))
            raise BadInput(
                f"{sha} is the head of several open pull requests ({numbers}), and a verdict on one would count for "
                "all: close all but one, or push a commit of its own to each"
            )
        if not pulls:
            raise BadInput(f"{sha} is not the head of an open pull request into {main}")
        return Judged(run["id"], sha, frozenset(label.name for label in pulls[0].labels))

    def fetch(self, root: Path, commit: str) -> None:
        """Bring a commit's objects to the repository at `root`, and lay out none of its files."""
        secret = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        name = f"http.{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/.extraheader"
        options = {  # in place of what actions/checkout left, and as it does it
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": name, "GIT_CONFIG_VALUE_0": "",
            "GIT_CONFIG_KEY_1": name, "GIT_CONFIG_VALUE_1": f"AUTHORIZATION: basic {secret}",
        }  # fmt: skip
        git(root, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "origin", commit, **options)

    def set_status(self, commit: str, name: str, state: str, description: str, judged: int) -> None:
        """Set a status of a commit, which leads to this run and notes which one it judged; in place of what it was."""
        page = f"{self.run_url}?judged={judged}"
        body = {"state": state, "context": name, "description": description, "target_url": page}
        self.ask("POST", f"statuses/{commit}", body)

    def merged_as(self, commit: str) -> PullRequest | None:
        """The pull request that was merged as this commit, if it is one of the last that moved."""
        latest = self.repository.get_pulls(state="closed", sort="updated", direction="desc").get_page(0)
        return next((pull for pull in latest if pull.merged_at and pull.merge_commit_sha == commit), None)

    def has_reviewers(self, environment: str) -> bool:
        """Must a person approve the jobs of this environment?"""
        try:
            rules = self.repository.get_environment(environment).protection_rules
        except UnknownObjectException:
            return False
        return any(rule.type == "required_reviewers" and rule.reviewers for rule in rules)

    def open_pull_request(self, branch: str) -> PullRequest | None:
        """The one of a branch of this repository, if it is open."""
        owner = self.repository.full_name.split("/")[0]
        return next(iter(self.repository.get_pulls(state="open", head=f"{owner}:{branch}")), None)

    def propose(self, branch: str, title: str, body: str) -> str:
        """Open a pull request of a branch, or bring the open one up to date; its address.

        Raises
        ------
        BadInput
            The repository's settings let no workflow open one.
        """
        known = self.open_pull_request(branch)
        if known:
            known.edit(title=title, body=body)
            return known.html_url
        try:
            return self.repository.create_pull(self.repository.default_branch, branch, title=title, body=body).html_url
        except GithubException as error:
            if error.status != 403:
                raise
            raise BadInput(
                f"the branch {branch} is pushed, but GitHub lets workflows open no pull request: open it by hand, and "
                "allow it (Settings, Actions, General: `Allow GitHub Actions to create and approve pull requests`)"
            ) from None

    def start(self, workflow: str, **inputs: str) -> str:
        """Start a workflow of the default branch; a line that says so, or why it couldn't be.

        A dispatch is what GITHUB_TOKEN may start others by: events that it makes otherwise start nothing.
        """
        branch = self.repository.default_branch
        try:
            self.repository.get_workflow(workflow).create_dispatch(branch, inputs, throw=True)
        except GithubException as error:
            return f"{workflow} wasn't started: GitHub answered {error.status}"
        return f"{workflow} was started"

    def publish(self, tag: str, text: str, files: Sequence[Path]) -> str:
        """A GitHub release of an existing tag, with files; its address. What is there already stays as it is.

        It is a draft until it has all of them: where releases are immutable, none can be added later.
        """
        known = [one for one in self.repository.get_releases() if one.tag_name == tag]  # by its tag a draft is unknown
        known.sort(key=lambda one: one.draft)
        release = known[0] if known else self.repository.create_git_release(tag, tag, text, draft=True)
        there = set()
        for asset in release.get_assets():
            if asset.state == "uploaded":
                there.add(asset.name)
            else:
                asset.delete_asset()  # empty, as a server error leaves it
        for path in files:
            if path.name not in there:
                release.upload_asset(str(path), name=path.name, content_type="application/octet-stream")
        return (release.update_release(tag, text, draft=False) if release.draft else release).html_url

    def judged_run(self, commit: str, name: str) -> int | None:
        """The run whose submission the status `name` of a commit is about, as `set_status` noted it."""
        said = next((one for one in self.ask("GET", f"commits/{commit}/statuses") if one["context"] == name), None)
        noted = JUDGED.search(said["target_url"] or "") if said else None
        run = self.repository.get_workflow_run(int(noted[1])) if noted else None
        return run.id if run and (run.head_sha, run.name) == (commit, "experiment") else None

    def artifact(self, run_id: int, name: str, most: int, folder: Path) -> Path | None:
        """The zip of a run's artifact, in a folder; None where there is none.

        Raises
        ------
        BadInput
            It is larger than `most` bytes, or doesn't come.
        """
        run = self.repository.get_workflow_run(run_id)
        there = [one for one in run.get_artifacts() if one.name == name and not one.expired]
        found = max(there, key=lambda one: one.id, default=None)  # a run that was started again has two
        if found is None:
            return None
        large = BadInput(f"the artifact `{name}` has {found.size_in_bytes:,} bytes; {most:,} are allowed")
        if found.size_in_bytes > most:
            raise large
        headers = {"Authorization": f"Bearer {self.token}"}  # requests drops it on the way to the storage's host
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with (
                requests.get(found.archive_download_url, headers=headers, stream=True, timeout=60) as answer,
                (folder / f"{name}.zip").open("wb") as file,
            ):
                answer.raise_for_status()
                for chunk in answer.iter_content(1 << 20):
                    file.write(chunk)
                    if file.tell() > most:
                        raise large
        except requests.RequestException as error:
            raise BadInput(f"the artifact `{name}` didn't come: {error}; start this run again") from None
        return folder / f"{name}.zip"


def approvers(pull: PullRequest) -> list[str]:
    """Who approved it."""
    return sorted({review.user.login for review in pull.get_reviews() if review.state == "APPROVED"})
