"""When GitHub starts a workflow, and with which rights: the part of the YAML that act doesn't read."""

from fnmatch import fnmatchcase
from typing import Any

DEFAULT_TYPES = {"pull_request": ("opened", "synchronize", "reopened")}


def starts(workflow: dict[Any, Any], event: str, payload: dict[str, Any]) -> bool:
    """Does `event` with this payload start the workflow? Reads `types`, `branches`, `tags` and `workflows`.

    References
    ----------
    docs.github.com: Workflow syntax for GitHub Actions, `on`.
    """
    filters = triggers(workflow)
    if event not in filters:
        return False
    wanted = filters[event]
    types = wanted.get("types") or DEFAULT_TYPES.get(event)
    if types and payload.get("action") and payload["action"] not in types:
        return False
    if "workflows" in wanted and payload["workflow_run"]["name"] not in wanted["workflows"]:
        return False
    if event == "pull_request":
        return _matches(payload["pull_request"]["base"]["ref"], wanted.get("branches"))
    if event == "push":
        kind, _, name = payload["ref"].removeprefix("refs/").partition("/")
        only = wanted.get("branches" if kind == "heads" else "tags")
        other = wanted.get("tags" if kind == "heads" else "branches")
        return _matches(name, only) if only or not other else False
    return True


def triggers(workflow: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    """The block `on` (which YAML 1.1 reads as `true`) with a mapping for every event."""
    block = workflow.get("on", workflow.get(True))
    named = block if isinstance(block, dict) else dict.fromkeys([block] if isinstance(block, str) else block or ())
    return {event: filters or {} for event, filters in named.items()}


def permissions(workflow: dict[Any, Any]) -> dict[str, dict[str, str]]:
    """What the token of each job may do; nothing where neither the job nor the workflow declares anything."""
    usual = workflow.get("permissions") or {}
    return {name: dict(job.get("permissions", usual) or {}) for name, job in workflow["jobs"].items()}


def _matches(name: str, patterns: list[str] | None) -> bool:
    """Later patterns win; one with `!` takes names away again."""
    found = not patterns
    for pattern in patterns or ():
        if fnmatchcase(name, pattern.removeprefix("!")):
            found = not pattern.startswith("!")
    return found
