"""Runs of workflows: which of their jobs go now, which wait for reviewers or for their concurrency group."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from rehearsal import act, queue, triggers
from rehearsal.act import Outcome, Step
from rehearsal.api import GitHub
from rehearsal.github.settings import opened
from rehearsal.queue import Json, Queue

CML = Path(__file__).parent / "cml"
MAINS_OWN = ("workflow_run", "push", "workflow_dispatch")
WAITING, PENDING, CANCELLED = "waiting", "pending", "cancelled"  # for reviewers; for the group; for good


@dataclass(frozen=True)
class Pushed:
    """The tip of a branch; of a stranger's fork, if `fork`."""

    sha: str
    branch: str
    fork: bool = False

    @property
    def owner(self) -> str | None:
        return "stranger" if self.fork else None


@dataclass(eq=False)
class Run:
    """One run of one workflow: what it came to so far, and what it takes to go on with it."""

    workflow: str
    run_id: int
    token: str
    tree: Path
    content: Json
    event: str
    payload: Json
    head: Pushed
    scratch: Path
    outcome: Outcome = field(default_factory=Outcome)
    free: set[str] = field(default_factory=set)  # jobs that have waited
    notes: set[str] = field(default_factory=set)  # jobs in whose place a note was left by the last turn

    @property
    def ended(self) -> bool:
        return not {WAITING, PENDING} & {*self.outcome.jobs.values()}

    def group(self, job: str) -> tuple[str, bool] | None:
        """Of one of its jobs, or by an empty name of all of it; and whether it cancels what is in progress."""
        block = self.content["jobs"][job] if job else self.content
        about = {"event": self.payload, "event_name": self.event, "ref": f"refs/heads/{self.head.branch}"}
        return queue.group(block.get("concurrency"), {"github": about})

    def given(self) -> dict[str, Json]:
        """Results and outputs of the jobs that those which wait need."""
        notes = [json.loads(file.read_text(encoding="utf-8")) for file in (self.scratch / "needs").glob("*")]
        return {name: said for note in notes for name, said in note.items()}


@dataclass
class Runner:
    """Starts runs with act, one after the other, and goes on with those that waited."""

    folder: Path
    api: GitHub
    cml: Path = CML
    heard: Callable[[Step], None] = act.ignore
    options: Sequence[str] = ()
    approves: bool = True
    variables: dict[str, str] = field(default_factory=lambda: {"DEPLOY_EXAMPLE": "true"})
    finished: list[Run] = field(default_factory=list)
    groups: Queue[tuple[Run, str]] = field(default_factory=Queue)

    def start(self, tree: Path, name: str, event: str, payload: Json, head: Pushed) -> Run:
        """A new run, as far as it comes without anybody's approval."""
        scratch = self.folder / "runs" / f"{len(self.finished)}-{name}"
        content = workflow(tree, name)
        run_id = self.api.start_run(
            scratch / "artifacts", name=content["name"], event=event, head_sha=head.sha, head_branch=head.branch,
            fork=head.owner,
        )  # fmt: skip
        run = Run(name, run_id, self.api.token({}), tree, content, event, payload, head, scratch)
        self.finished.append(run)
        if self._enters(run, ""):
            self._go_on(run)
        else:
            run.outcome.jobs |= dict.fromkeys(content["jobs"], PENDING)
        return run

    def approve(self, run: Run, job: str) -> None:
        """A reviewer of its environment says yes: the job runs, and then who waited for its group."""
        if run.outcome.jobs.get(job) != WAITING:
            raise ValueError(f"{run.workflow}: {job} waits for nobody: {run.outcome.jobs}")
        run.free.add(job)
        self._go_on(run)

    def _enters(self, run: Run, job: str) -> bool:
        """Does it hold its group from now on, if it has one? Whom that cancels, ends."""
        group = run.group(job)
        if group is None:
            return True
        for other, its in self.groups.enter(group[0], (run, job), group[1]):
            left = [its] if its else other.content["jobs"]
            other.outcome.jobs |= dict.fromkeys(left, CANCELLED)
            self.api.finish_run(other.run_id, other.outcome.conclusion)
        return self.groups.holders[group[0]] == (run, job)

    def _leaves(self, run: Run, job: str) -> None:
        """It has ended: who was pending in its group goes on."""
        group = run.group(job)
        after = self.groups.leave(group[0], (run, job)) if group else None
        if after:
            after[0].free |= {after[1]} if not self._is_asked(*after) else set()
            self._go_on(after[0])

    def _is_asked(self, run: Run, job: str) -> bool:
        """Must somebody approve this job?"""
        name = queue.environment(run.content["jobs"][job]) if job else None
        return bool(name) and not self.approves and self.api.asks(str(name))

    def _go_on(self, run: Run) -> None:
        """Run the jobs that can, and let the others wait. act gives all jobs the same secrets: so those of another
        environment have their turn after it.
        """
        for turn in self._turns(run):
            left = [name for name in run.content["jobs"] if name not in run.free]
            waits = {name for name in left if self._is_asked(run, name) or self._is_taken(run, name)}
            before = {name: result for name, result in run.outcome.jobs.items() if result not in (WAITING, PENDING)}
            later = {name for name in run.content["jobs"] if self._secrets(run, name) not in ({}, turn)} - before.keys()
            nothing: Json = {"outputs": {}}
            ended = {name: {**run.given().get(name, nothing), "result": result} for name, result in before.items()}
            self._act(run, waits | later, ended, turn)
            run.outcome.jobs |= before
            for name in waits & self._noted(run):
                run.outcome.jobs[name] = WAITING if self._enters(run, name) else PENDING
            following = (later - waits) & self._noted(run)
            if not following:
                break
            for name in following:
                del run.outcome.jobs[name]
        for name in run.free & run.outcome.jobs.keys():
            self._leaves(run, name)
        if run.ended:
            self.api.finish_run(run.run_id, run.outcome.conclusion)
            self._leaves(run, "")

    def _secrets(self, run: Run, job: str) -> dict[str, str]:
        """What the environment of a job holds for it."""
        name = queue.environment(run.content["jobs"][job])
        known = [one["name"] for one in self.api.known["secrets"] if one["environment"] == name]
        return {secret: opened(self.api, str(name), secret) for secret in known}

    def _turns(self, run: Run) -> list[dict[str, str]]:
        """Secrets of the environments, in the order of the jobs that have not run."""
        done = {name for name, result in run.outcome.jobs.items() if result not in (WAITING, PENDING)}
        given = [self._secrets(run, name) for name in run.content["jobs"] if name not in done]
        return [one for number, one in enumerate(given) if one and one not in given[:number]] or [{}]

    def _noted(self, run: Run) -> set[str]:
        """Jobs in whose place a note was left: they aren't skipped."""
        return {name for name, result in run.outcome.jobs.items() if result == "success" and name in run.notes}

    def _is_taken(self, run: Run, job: str) -> bool:
        group = run.group(job)
        return group is not None and self.groups.holders.get(group[0], (run, job)) != (run, job)

    def _act(self, run: Run, waits: set[str], ended: dict[str, Json], secrets: dict[str, str]) -> None:
        rights = triggers.permissions(run.content)
        if run.head.fork and run.event == "pull_request":
            rights = {job: dict.fromkeys(rights_, "read") for job, rights_ in rights.items()}
        pushers = [job for job, allowed in rights.items() if allowed.get("contents") == "write"]
        variables = self._variables("main" if run.event in MAINS_OWN else run.head.branch, run.scratch)
        variables |= {"REHEARSAL_PUSHERS": " ".join(pushers), "GITHUB_RUN_ID": str(run.run_id)}
        variables["REHEARSAL_GUARDED"] = " ".join(self.api.guarded())
        file, run.notes = None, waits
        if waits or ended:
            (run.scratch / "needs").mkdir(parents=True, exist_ok=True)
            file = run.scratch / run.workflow
            file.write_text(yaml.safe_dump(queue.cut(run.content, waits, ended)), encoding="utf-8")
        private = [word for name, value in secrets.items() for word in ("--secret", f"{name}={value}")]
        settings = [word for name, value in self.variables.items() for word in ("--var", f"{name}={value}")]
        act.run(
            run.tree, run.workflow, run.event, run.payload, run.token, variables, run.scratch, self.heard,
            [*settings, *private, *self.options],
            entered=lambda job: self.api.grant(run.token, rights.get(job, {})), file=file, outcome=run.outcome,
        )  # fmt: skip

    def _variables(self, scope: str, scratch: Path) -> dict[str, str]:
        """What the steps see of the sandbox: its API, origin, caches and the environment that is installed already."""
        return {
            "TERM": "dumb", "GITHUB_API_URL": self.api.url, "GITHUB_REPOSITORY": self.api.repository,
            "UV_PROJECT_ENVIRONMENT": sys.prefix, "UV_OFFLINE": "1",
            "REHEARSAL_ORIGIN": str(self.folder / "origin.git"), "REHEARSAL_CML": str(self.cml),
            "REHEARSAL_ARTIFACTS": str(scratch / "artifacts"), "REHEARSAL_CACHE": str(self.folder / "cache"),
            "REHEARSAL_APP_TOKEN": self.api.token({"contents": "write", "pull-requests": "write"}, "app[bot]"),
            "REHEARSAL_REGISTRY": str(self.folder / "registry.jsonl"), "REHEARSAL_SCOPE": scope.replace("/", "-"),
            queue.RECORD: str(scratch / "needs"),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", ""), "OMP_WAIT_POLICY": "PASSIVE",
        }  # fmt: skip


def workflow(tree: Path, name: str) -> Json:
    content: Json = yaml.safe_load((tree / ".github/workflows" / name).read_text(encoding="utf-8"))
    return content
