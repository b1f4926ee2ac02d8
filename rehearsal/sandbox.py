"""GitHub on a laptop: a bare origin, its API on loopback, and the repository's own workflows, run by act."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops.workspace import git
from rehearsal import act, triggers
from rehearsal.act import Step
from rehearsal.api import GitHub
from rehearsal.queue import Json
from rehearsal.runs import CML, Pushed, Run, Runner, workflow

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's name of the tree without files
OF_THE_HEAD = ("merge_group", "pull_request", "push")
IDENTITY = {
    "GIT_AUTHOR_NAME": "rehearsal", "GIT_AUTHOR_EMAIL": "rehearsal@example.com",
    "GIT_COMMITTER_NAME": "rehearsal", "GIT_COMMITTER_EMAIL": "rehearsal@example.com",
}  # fmt: skip


@dataclass
class Sandbox(Runner):
    """The whole: `folder` holds everything, `api` answers for GitHub.

    Parameters
    ----------
    cml
        Folder with CML: the stand-in by default, a real checkout, or a folder that doesn't exist for none.
    options
        More words for act, such as `--matrix NAME:VALUE`, `--secret NAME=VALUE`.
    variables
        The repository's.
    approves
        Whoever an environment's reviewers are, they say yes at once; else its jobs wait for `approve`.
    """

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

    def happen(self, event: str, payload: Json, head: Pushed, without: Sequence[str] = ()) -> list[Run]:
        """Run what the event starts (files of the head for its own events, else main's), and what follows."""
        tree = self._checkout(head.sha if event in OF_THE_HEAD else git(self.origin, "rev-parse", "main"))
        names = sorted(path.name for path in (tree / ".github/workflows").iterdir() if path.name not in without)
        changed = self._changed(event, payload, head)
        started = [name for name in names if triggers.starts(workflow(tree, name), event, payload, changed)]
        done = [self._run(tree, name, event, payload, head) for name in started]
        if event != "workflow_run":
            for one in [run for run in done if run.ended]:
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

    def dispatch(self, name: str, at: Pushed | None = None, **inputs: str) -> Run:
        """Start a workflow by hand, on main or where somebody chose; what it starts in turn is in `finished`, too."""
        chosen = at or Pushed(git(self.origin, "rev-parse", "main"), "main")
        about = {"ref": f"refs/heads/{chosen.branch}", "workflow": f".github/workflows/{name}"}
        payload = self.api.event("workflow_dispatch", inputs=inputs, **about)
        return self._run(self._checkout(chosen.sha), name, "workflow_dispatch", payload, chosen)

    def reach(self, cron: str, without: Sequence[str] = ()) -> list[Run]:
        """The hour of a schedule: on main, and its event tells nothing of the repository."""
        main = Pushed(git(self.origin, "rev-parse", "main"), "main")
        return self.happen("schedule", {"schedule": cron}, main, without)

    def _changed(self, event: str, payload: Json, head: Pushed) -> list[str]:
        """Files that a pull request changes since it left its base, a push since `before`; all of a new branch."""
        if event == "pull_request":
            since = f"{payload['pull_request']['base']['ref']}...{head.sha}"
        elif event == "push":
            since = f"{EMPTY if payload['created'] else payload['before']}..{head.sha}"
        else:
            return []
        return git(self.origin, "-c", "core.quotePath=false", "diff", "--name-only", since).splitlines()

    def _run(self, tree: Path, name: str, event: str, payload: Json, head: Pushed) -> Run:
        """Start a run, and what it asks to start in turn."""
        run = self.start(tree, name, event, payload, head)
        self.api.follow_branches()
        for asked in self.api.dispatched():
            self.dispatch(asked["workflow"], **asked["inputs"])
        return run

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
        api.troubled_after = 19  # GitHub has such moments
        yield Sandbox(folder, api, cml, heard)


def open_pull_request(
    github: Sandbox, head: Pushed, labels: Sequence[str] = (), without: Sequence[str] = ()
) -> tuple[int, list[Run]]:
    """Open a pull request from a pushed branch, and run what that starts, all workflows but those in `without`."""
    number = github.api.open_pull_request(
        head_branch=head.branch, head_sha=head.sha, title=head.branch, fork=head.owner, labels=list(labels)
    )
    return number, github.happen("pull_request", github.api.pull_request_event(number, "opened"), head, without)
