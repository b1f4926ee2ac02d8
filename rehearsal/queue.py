"""Who waits for whom: concurrency groups, and environments whose reviewers are asked. act knows neither.

A group has one holder, which a job is also while it waits for its reviewers, and one that is pending: a newer one takes
its place, and it is cancelled.

References
----------
docs.github.com: Control the concurrency of workflows and jobs; Managing environments for deployment.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Json = dict[Any, Any]
T = TypeVar("T")
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
RECORD = "REHEARSAL_NEEDS"  # where a job that waits has noted what it was given


@dataclass
class Queue(Generic[T]):
    """Holders and those pending, by group."""

    holders: dict[str, T] = field(default_factory=dict)
    pending: dict[str, T] = field(default_factory=dict)

    def enter(self, group: str, who: T, cancels: bool) -> list[T]:
        """Hold the group, or be pending in it; those that are cancelled by that."""
        if self.holders.get(group) == who:
            return []
        gone = [self.pending.pop(group)] if group in self.pending else []
        if cancels and group in self.holders:
            gone.append(self.holders.pop(group))
        (self.pending if group in self.holders else self.holders)[group] = who
        return gone

    def leave(self, group: str, who: T) -> T | None:
        """Free the group, if it is held by `who`; the one that was pending and holds it now."""
        if self.holders.get(group) != who:
            return None
        del self.holders[group]
        if group in self.pending:
            self.holders[group] = self.pending.pop(group)
        return self.holders.get(group)


def group(block: Any, context: Mapping[str, Any]) -> tuple[str, bool] | None:
    """Name of the group of a workflow's or a job's `concurrency`, and whether it cancels what is in progress."""
    if block is None:
        return None
    named = block if isinstance(block, dict) else {"group": block}
    cancels = named.get("cancel-in-progress", False)
    if isinstance(cancels, str):
        cancels = EXPRESSION.sub(lambda match: str(_value(match[1], context)), cancels) == "True"
    return EXPRESSION.sub(lambda match: str(_value(match[1], context) or ""), str(named["group"])), cancels


def _value(expression: str, context: Mapping[str, Any]) -> Any:
    """As far as groups need it: `a.b || c.d`, `a.b == 'text'`."""
    if "||" in expression:
        values = (_value(part.strip(), context) for part in expression.split("||"))
        return next(filter(None, values), None)
    if "==" in expression:
        one, other = (_value(part.strip(), context) for part in expression.split("=="))
        return one == other
    if re.fullmatch("'[^']*'", expression):
        return expression[1:-1]
    if not re.fullmatch(r"[\w.-]+", expression):
        raise RuntimeError(f"concurrency: `{expression}` is more than the rehearsal evaluates; see rehearsal/queue.py")
    value: Any = context
    for name in expression.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def environment(job: Json) -> str | None:
    """Name of the environment of a job."""
    named = job.get("environment")
    return named.get("name") if isinstance(named, dict) else named


def cut(workflow: Json, waiting: set[str], ended: Mapping[str, Json]) -> Json:
    """The workflow without what can't run yet.

    Parameters
    ----------
    waiting
        Jobs that wait: in their place is one that notes what it is given, if their `if` lets it run at all. What needs
        them is left out.
    ended
        Results and outputs of jobs that have run, which jobs in their place say again.
    """
    jobs: Json = {}
    for name, job in workflow["jobs"].items():
        needs = job.get("needs") or []
        needs = {needs} if isinstance(needs, str) else {*needs}
        if name in ended:
            said = ended[name]
            if said["result"] == "skipped":
                continue
            result = "true" if said["result"] == "success" else "false"
            jobs[name] = {"runs-on": "ubuntu-latest", "outputs": said["outputs"], "steps": [{"run": result}]}
        elif name in waiting:
            note = {"run": f'echo "$NEEDS" > "${RECORD}/{name}"', "env": {"NEEDS": "${{ toJSON(needs) }}"}}
            kept = {key: job[key] for key in ("needs", "if", "runs-on") if key in job}
            jobs[name] = {**kept, "steps": [note]}
        elif needs <= jobs.keys() - waiting:
            jobs[name] = job
    return {("on" if key is True else key): value for key, value in {**workflow, "jobs": jobs}.items()}
