"""GitHub on a laptop: a bare origin, its API on loopback, and the repository's own workflows, run by act."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlops.workspace import git
from rehearsal import act, triggers
from rehearsal.act import Outcome, Step
from rehearsal.api import GitHub

CML = Path(__file__).parent / "cml"
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's name of the tree without files
Json = dict[Any, Any]
OF_THE_HEAD = ("merge_group", "pull_request", "push")
MAINS_OWN = ("workflow_run", "push", "workflow_dispatch")
IDENTITY = {
    "GIT_AUTHOR_NAME": "rehearsal", "GIT_AUTHOR_EMAIL": "rehearsal@example.com",
    "GIT_COMMITTER_NAME": "rehearsal", "GIT_COMMITTER_EMAIL": "rehearsal@example.com",
}  # fmt: skip


@dataclass(frozen=True)
class Pushed:
    """The tip of a branch; of a stranger's fork, if `fork`."""

    sha: str
    branch: str
    fork: bool = False

    @property
    def owner(self) -> str | None:
        return "stranger" if self.fork else None


@dataclass
class Finished:
    """One run of one workflow."""

    workflow: str
    run_id: int
    outcome: Outcome
    token: str


@dataclass
class Sandbox:
    """The whole: `folder` holds everything, `api` answers for GitHub.

    Parameters
    ----------
    cml
        Folder with CML: the stand-in by default, a real checkout, or a folder that doesn't exist for none.
    options
        More words for act, such as `--matrix NAME:VALUE`, `--secret NAME=VALUE`, `--var NAME=VALUE`.
    """

    folder: Path
    api: GitHub
    cml: Path = CML
    heard: Callable[[Step], None] = act.ignore
    options: Sequence[str] = ()
    finished: list[Finished] = field(default_factory=list)

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    def push(self, source: Path, tree: str, branch: str, parent: Pushed, fork: bool = False) -> Pushed:
        """Commit a tree of the repository `source` upon `parent`, and push it to a branch of the origin."""
        sha = git(source, "commit-tree", tree, "-p", parent.sha, "-m", branch, **IDENTITY)
        return self.publish(source, sha, branch, fork)

    def publish(self, source: Path, commit: str, branch: str, fork: bool = False) -> Pushed:
        """Push a commit of the repository `source`, history included, to a branch of the origin."""
        if not self.origin.exists():
            git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
            git(self.origin, "config", "uploadpack.allowAnySHA1InWant", "true")
            shutil.copy(Path(__file__).parent / "pre-receive", self.origin / "hooks/pre-receive")
        git(source, "push", "--quiet", "--force", str(self.origin), f"{commit}:refs/heads/{branch}")
        return Pushed(git(source, "rev-parse", f"{commit}^{{commit}}"), branch, fork)

    def happen(self, event: str, payload: Json, head: Pushed, without: Sequence[str] = ()) -> list[Finished]:
        """Run what the event starts (files of the head for its own events, else main's), and what follows."""
        tree = self._checkout(head.sha if event in OF_THE_HEAD else git(self.origin, "rev-parse", "main"))
        names = sorted(path.name for path in (tree / ".github/workflows").iterdir() if path.name not in without)
        changed = self._changed(event, payload, head)
        started = [name for name in names if triggers.starts(_workflow(tree, name), event, payload, changed)]
        done = [self._run(tree, name, event, payload, head) for name in started]
        if event != "workflow_run":
            for one in list(done):
                done += self.happen("workflow_run", self.api.workflow_run_event(one.run_id), head)
        return done

    def merge(self, number: int = 0) -> Pushed:
        """Merge a pull request (the one that was opened last) into main, as the button on GitHub does."""
        pull = self.api.find("pulls", number=number) if number else self.api.known["pulls"][-1]
        head, main = pull["head"]["sha"], git(self.origin, "rev-parse", "main")
        tree = git(self.origin, "merge-tree", "--write-tree", main, head)
        title = (
            f"Merge pull request #{pull['number']} from {pull['head']['label'].replace(':', '/')}\n\n{pull['title']}"
        )
        sha = git(self.origin, "commit-tree", tree, "-p", main, "-p", head, "-m", title, **IDENTITY)
        git(self.origin, "update-ref", "refs/heads/main", sha)
        self.api.merge(pull["number"], sha)
        return Pushed(sha, "main")

    def dispatch(self, name: str, **inputs: str) -> Finished:
        """Start a workflow by hand, on main; what it starts in turn is in `finished`, too."""
        main = Pushed(git(self.origin, "rev-parse", "main"), "main")
        payload = {"ref": "refs/heads/main", "inputs": inputs, "repository": self.api.home()}
        return self._run(self._checkout(main.sha), name, "workflow_dispatch", payload, main)

    def _changed(self, event: str, payload: Json, head: Pushed) -> list[str]:
        """Files that a pull request changes since it left its base, a push since `before`; all of a new branch."""
        if event == "pull_request":
            since = f"{payload['pull_request']['base']['ref']}...{head.sha}"
        elif event == "push":
            since = f"{payload.get('before', EMPTY)}..{head.sha}"
        else:
            return []
        return git(self.origin, "-c", "core.quotePath=false", "diff", "--name-only", since).splitlines()

    def _run(self, tree: Path, name: str, event: str, payload: Json, head: Pushed) -> Finished:
        workflow = _workflow(tree, name)
        rights = triggers.permissions(workflow)
        if head.fork and event == "pull_request":
            rights = {job: dict.fromkeys(given, "read") for job, given in rights.items()}
        token = self.api.token({})
        scratch = self.folder / "runs" / f"{len(self.finished)}-{name}"
        variables = self._variables("main" if event in MAINS_OWN else head.branch, scratch)
        pushers = [job for job, given in rights.items() if given.get("contents") == "write"]
        variables["REHEARSAL_PUSHERS"] = " ".join(pushers)
        run_id = self.api.start_run(
            scratch / "artifacts", name=workflow["name"], event=event, head_sha=head.sha, head_branch=head.branch,
            fork=head.owner,
        )  # fmt: skip
        variables["GITHUB_RUN_ID"] = str(run_id)
        outcome = act.run(
            tree, name, event, payload, token, variables, scratch, self.heard, self.options,
            entered=lambda job: self.api.grant(token, rights[job]),
        )  # fmt: skip
        self.api.finish_run(run_id, outcome.conclusion)
        done = Finished(name, run_id, outcome, token)
        self.finished.append(done)
        self.api.follow_branches()
        for asked in self.api.dispatched():
            self.dispatch(asked["workflow"], **asked["inputs"])
        return done

    def _variables(self, scope: str, scratch: Path) -> dict[str, str]:
        """What the steps see of the sandbox: its API, origin, caches and the environment that is installed already."""
        return {
            "TERM": "dumb", "GITHUB_API_URL": self.api.url, "GITHUB_REPOSITORY": self.api.repository,
            "UV_PROJECT_ENVIRONMENT": sys.prefix, "UV_OFFLINE": "1",
            "REHEARSAL_ORIGIN": str(self.origin), "REHEARSAL_CML": str(self.cml),
            "REHEARSAL_ARTIFACTS": str(scratch / "artifacts"), "REHEARSAL_CACHE": str(self.folder / "cache"),
            "REHEARSAL_APP_TOKEN": self.api.token({"contents": "write", "pull-requests": "write"}, "app[bot]"),
            "REHEARSAL_REGISTRY": str(self.folder / "registry.jsonl"), "REHEARSAL_SCOPE": scope.replace("/", "-"),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", ""), "OMP_WAIT_POLICY": "PASSIVE",
        }  # fmt: skip

    def _checkout(self, sha: str) -> Path:
        """A checkout for act to read workflow files from, and no other file."""
        folder = self.folder / "trees" / sha
        if not folder.exists():
            git(self.folder, "clone", "--quiet", "--shared", "--no-checkout", str(self.origin), str(folder))
            git(folder, "sparse-checkout", "set", "--no-cone", "/.github/")
            git(folder, "checkout", "--quiet", "--detach", sha)
        return folder


@contextmanager
def sandbox(folder: Path, cml: Path = CML, heard: Callable[[Step], None] = act.ignore) -> Iterator[Sandbox]:
    """A sandbox in an empty folder, its API listening on loopback until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with GitHub(folder, bare=folder / "origin.git") as api:
        yield Sandbox(folder, api, cml, heard)


def open_pull_request(
    github: Sandbox, head: Pushed, labels: Sequence[str] = (), without: Sequence[str] = ()
) -> tuple[int, list[Finished]]:
    """Open a pull request from a pushed branch, and run what that starts, all workflows but those in `without`."""
    number = github.api.open_pull_request(
        head_branch=head.branch, head_sha=head.sha, title=head.branch, fork=head.owner, labels=list(labels)
    )
    return number, github.happen("pull_request", github.api.pull_request_event(number, "opened"), head, without)


def _workflow(tree: Path, name: str) -> Json:
    content: Json = yaml.safe_load((tree / ".github/workflows" / name).read_text(encoding="utf-8"))
    return content
