"""What the workflows ask of GitHub, through its REST API."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from github import Auth, Github, GithubException, UnknownObjectException
from github.PullRequest import PullRequest
from github.Repository import Repository

from mlops.contract import BadInput
from mlops.workspace import git

API = "https://api.github.com"
ORIGIN = re.compile(r"(?:\w+://(?:[^@/]+@)?|[^@/]+@)([\w.-]+)(?::\d+)?[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?")


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
            retry=2,
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
            There is no token, or no repository that it opens.
        """
        if not os.environ.get("GITHUB_TOKEN"):
            raise BadInput(
                "GITHUB_TOKEN is not set: make a token for this repository with the right to write Administration and "
                "Environments (github.com/settings/personal-access-tokens), or GITHUB_TOKEN=$(gh auth token)"
            )
        place = {} if os.environ.get("GITHUB_REPOSITORY") else origin(git(root, "remote", "get-url", "origin"))
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

    def pull_request_of(self, run: Mapping[str, Any]) -> PullRequest | None:
        """The open pull request whose head is the commit that the workflow run was of, for forks, too.

        GitHub's own record of the run says whose branch it was; nothing that the run uploaded is asked.
        """
        owner, branch = run["head_repository"]["owner"]["login"], run["head_branch"]
        open_ones = self.repository.get_pulls(state="open", head=f"{owner}:{branch}")
        return next((pull for pull in open_ones if pull.head.sha == run["head_sha"]), None)

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
        """A GitHub release of an existing tag, with files; its address. What is there already stays as it is."""
        try:
            release = self.repository.get_release(tag)
        except UnknownObjectException:
            release = self.repository.create_git_release(tag, tag, text)
        there = {asset.name for asset in release.get_assets()}
        for path in files:
            if path.name not in there:
                release.upload_asset(str(path), name=path.name, content_type="application/octet-stream")
        return release.html_url

    def artifact(self, run_id: int, name: str, most: int) -> bytes | None:
        """The zip of a run's artifact; None where there is none, or it is larger than `most` bytes."""
        run = self.repository.get_workflow_run(run_id)
        found = next((one for one in run.get_artifacts() if one.name == name), None)
        if found is None or found.size_in_bytes > most:
            return None
        headers = {"Authorization": f"Bearer {self.token}"}  # requests drops it on the way to the storage's host
        with requests.get(found.archive_download_url, headers=headers, stream=True, timeout=60) as answer:
            answer.raise_for_status()
            content = answer.raw.read(most + 1, decode_content=True)
        return content if len(content) <= most else None


def origin(url: str) -> dict[str, str]:
    """Variables that say where git's origin is, if it is at GitHub, or at a GitHub of one's own."""
    match = ORIGIN.fullmatch(url)
    if match is None:
        raise BadInput(f"git's origin is {url}, which is no repository at GitHub; set GITHUB_REPOSITORY to OWNER/NAME")
    host, name = match.groups()
    own = {} if host == "github.com" else {"GITHUB_API_URL": f"https://{host}/api/v3"}
    return {"GITHUB_REPOSITORY": name, **own}
