"""Repository settings as code: what the files of .github/settings/ say. What they don't name stays as it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from github import GithubException

from mlops import params
from mlops.adopting import parts, signers
from mlops.adopting.parts import Part
from mlops.adopting.plan import Row
from mlops.adopting.signers import Believed
from mlops.contract import BadInput, Strict, T
from mlops.hub import Hub

FOLDER, MAIN = ".github/settings", "main"
STATUS, BEFORE = "verdict", "experiment-pass"  # a check, and the one that is asked for until it was reported once


class Label(Strict, frozen=True):
    name: str
    color: str
    description: str


class Actions(Strict, frozen=True):
    default_workflow_permissions: Literal["read", "write"]
    can_approve_pull_request_reviews: bool


class Environment(Strict, frozen=True):
    name: str
    branches: list[str]
    reviewers: list[str]
    prevent_self_review: bool
    wait_timer: int
    deploy_key: str | None


class Ruleset(Strict, frozen=True):
    name: str
    target: Literal["branch", "tag"]
    enforcement: Literal["active", "disabled"]
    conditions: dict[str, Any]
    bypass_actors: list[dict[str, Any]]
    rules: list[dict[str, Any]]


@dataclass(frozen=True)
class Settings:
    """What the files say; each field is the name of one."""

    labels: list[Label]
    actions: Actions
    environments: list[Environment]
    rulesets: list[Ruleset]

    @classmethod
    def read(cls, root: Path) -> "Settings":
        """From the files of a project.

        Raises
        ------
        BadInput
            A file is missing or broken, or a key or value in it; names file, entry, key and value.
        """
        return cls(
            _entries(root, "labels", Label),
            params.convert(_content(root, "actions"), Actions, f"{FOLDER}/actions.yml"),
            _entries(root, "environments", Environment),
            _entries(root, "rulesets", Ruleset),
        )

    def parts(self, hub: Hub, root: Path, believed: Believed) -> list[Part]:
        """In the order in which GitHub needs them: a key belongs to an environment, passes a ruleset, and signs.

        For `believed` see `mlops.adopting.signers`.
        """
        having = {one.name: one.deploy_key for one in self.environments if one.deploy_key}
        environments = [parts.environment(hub, msgspec.to_builtins(one)) for one in self.environments]
        keys = [parts.deploy_key(hub, name, secret) for name, secret in having.items()]
        ways = [*(part for part, one in zip(environments, self.environments, strict=True) if one.deploy_key), *keys]
        return [
            *(parts.label(hub, msgspec.to_builtins(one)) for one in self.labels),
            parts.actions(hub, msgspec.to_builtins(self.actions)),
            *environments,
            *keys,
            *(parts.ruleset(hub, _possible(hub, msgspec.to_builtins(one)), ways) for one in self.rulesets),
            *([signers.part(hub, root, list(having), believed)] if having.keys() >= signers.SIGNERS else []),
        ]


def _possible(hub: Hub, ruleset: dict[str, Any]) -> dict[str, Any]:
    """Nothing could be merged where a ruleset asks for a check that main's workflows don't report yet."""
    for rule in ruleset["rules"]:
        for check in rule.get("parameters", {}).get("required_status_checks", ()):
            if check["context"] == STATUS and not _reported(hub, STATUS):
                check["context"] = BEFORE
    return ruleset


def _reported(hub: Hub, context: str) -> bool:
    """Has one of the last pull requests this status, as far as the token may see?"""
    try:
        pulls = hub.ask("GET", "pulls?state=all&sort=updated&direction=desc&per_page=10")
        shas = [pull["head"]["sha"] for pull in pulls]
        return any(one["context"] == context for sha in shas for one in hub.ask("GET", f"commits/{sha}/statuses"))
    except GithubException:
        return False


def notes(settings: Settings, root: Path, branch: str) -> list[str]:
    """What the files leave open, and a default `branch` of another name, which GitHub wouldn't mind."""
    owners = root / ".github/CODEOWNERS"
    found = []
    if owners.exists() and "@your-org/" in owners.read_text(encoding="utf-8"):
        found.append(".github/CODEOWNERS still names @your-org: until it names yours, no code owner is asked")
    if branch != MAIN:
        found.append(
            f"the default branch is `{branch}`, and the workflows name `{MAIN}`: nothing would be trained or deployed. "
            f"Rename it (GitHub: Settings, General, Default branch), and here: git branch -m {branch} {MAIN}"
        )
    if params.load(root).deploy.approval == "required" and not any(one.reviewers for one in settings.environments):
        found.append(f"deploy.approval is `required`, and {FOLDER}/environments.yml names no reviewer: all is held")
    return found


def rests_on(hub: Hub, rows: Iterable[Row]) -> list[str]:
    """What a deploy key that is to be made dies with; nothing for an App's token, which it outlives.

    References
    ----------
    GitHub's REST API, deploy keys: https://docs.github.com/rest/deploy-keys
    """
    if not any(row.setting.startswith("deploy key ") for row in rows):
        return []
    try:
        owner = hub.ask("GET", "/user")["login"]
    except GithubException:
        return []
    return [
        f"new deploy keys die with this token of @{owner}: when it is deleted, as GitHub does after a year without use "
        "(not when it is regenerated). Take a machine account's, or make them by hand: docs/deployment.md"
    ]


def _entries(root: Path, name: str, kind: type[T]) -> list[T]:
    """Of a file that holds a list."""
    content = _content(root, name)
    if not isinstance(content, list):
        raise BadInput(f"{FOLDER}/{name}.yml: expected a list, got {content!r}")
    place = f"{FOLDER}/{name}.yml: entry"
    return [params.convert(one, kind, f"{place} {number}") for number, one in enumerate(content, 1)]


def _content(root: Path, name: str) -> Any:
    place = f"{FOLDER}/{name}.yml"
    try:
        return yaml.safe_load((root / place).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{place}: no such file; run from the root of the project") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{place}: not valid YAML: {error}") from None
