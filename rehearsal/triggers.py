"""When GitHub starts a workflow, and with which rights: the part of the YAML that act doesn't read."""

from collections.abc import Collection
from typing import Any

from rehearsal.globs import matches

DEFAULT_TYPES = {"pull_request": ("opened", "synchronize", "reopened")}


def starts(workflow: dict[Any, Any], event: str, payload: dict[str, Any], changed: Collection[str] = ()) -> bool:
    """Does `event` with this payload start the workflow? Reads `types`, `branches`, `tags`, `paths`,
    `workflows` and `cron`.

    Parameters
    ----------
    changed
        Files that a push or a pull request changes, which no payload says.

    References
    ----------
    docs.github.com: Workflow syntax for GitHub Actions, `on`.
    """
    filters = triggers(workflow)
    if event not in filters:
        return False
    wanted = filters[event]
    if event == "schedule":
        return payload["schedule"] in [one["cron"] for one in wanted]
    types = wanted.get("types") or DEFAULT_TYPES.get(event)
    if types and payload.get("action") and payload["action"] not in types:
        return False
    if "workflows" in wanted and payload["workflow_run"]["name"] not in wanted["workflows"]:
        return False
    if event == "pull_request":
        branch = payload["pull_request"]["base"]["ref"]
        return _named(branch, wanted.get("branches")) and _touched(changed, wanted)
    if event == "push":
        kind, _, name = payload["ref"].removeprefix("refs/").partition("/")
        only = wanted.get("branches" if kind == "heads" else "tags")
        other = wanted.get("tags" if kind == "heads" else "branches")
        if other and not only:
            return False
        return _named(name, only) and (kind == "tags" or _touched(changed, wanted))
    return True


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    """The block `on` (which YAML 1.1 reads as `true`) with a mapping for every event; a schedule has a list."""
    block = workflow.get("on", workflow.get(True))
    named = block if isinstance(block, dict) else dict.fromkeys([block] if isinstance(block, str) else block or ())
    return {event: filters or {} for event, filters in named.items()}


def permissions(workflow: dict[Any, Any]) -> dict[str, dict[str, str]]:
    """What the token of each job may do; nothing where neither the job nor the workflow declares anything."""
    usual = workflow.get("permissions") or {}
    return {name: dict(job.get("permissions", usual) or {}) for name, job in workflow["jobs"].items()}


def _named(name: str, patterns: list[str] | None) -> bool:
    return not patterns or matches(name, patterns)


def _touched(changed: Collection[str], filters: dict[str, Any]) -> bool:
    """At least one file is among `paths`, or isn't among `paths-ignore`."""
    if "paths" in filters:
        return any(matches(file, filters["paths"]) for file in changed)
    if "paths-ignore" in filters:
        return any(not matches(file, filters["paths-ignore"]) for file in changed)
    return True
