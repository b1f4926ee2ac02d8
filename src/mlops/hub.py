"""What the workflows ask of GitHub, through its REST API."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from github import Auth, Github
from github.PullRequest import PullRequest
from github.Repository import Repository


@dataclass(frozen=True)
class Hub:
    """The repository that the workflow runs in."""

    repository: Repository
    token: str

    @classmethod
    def connect(cls, environment: Mapping[str, str] = os.environ) -> "Hub":
        """Connect as the job, by the variables that every GitHub runner sets and GITHUB_TOKEN."""
        token = environment["GITHUB_TOKEN"]
        github = Github(
            auth=Auth.Token(token), base_url=environment["GITHUB_API_URL"], retry=2, seconds_between_requests=0
        )
        return cls(github.get_repo(environment["GITHUB_REPOSITORY"], lazy=True), token)

    def pull_request_of(self, run: Mapping[str, Any]) -> PullRequest | None:
        """The open pull request whose head is the commit that the workflow run was of, for forks, too.

        GitHub's own record of the run says whose branch it was; nothing that the run uploaded is asked.
        """
        owner, branch = run["head_repository"]["owner"]["login"], run["head_branch"]
        open_ones = self.repository.get_pulls(state="open", head=f"{owner}:{branch}")
        return next((pull for pull in open_ones if pull.head.sha == run["head_sha"]), None)

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
