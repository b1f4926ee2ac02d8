"""The parts of a repository's settings: how GitHub is asked for each, and how it is sent.

References
----------
GitHub REST API: https://docs.github.com/rest (labels, actions/permissions, deployments, deploy-keys, repos/rules).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from github.PublicKey import encrypt

from mlops.hub import Hub

Json = dict[str, Any]
MOST = "per_page=100"  # more deploy keys, rulesets or branches of an environment nobody has


@dataclass(frozen=True)
class Part:
    """One thing that GitHub keeps. `read` returns what is there, as `wanted` spells it, or None; `write` gets that,
    and makes it as wanted; `right` is what a token needs for it.
    """

    name: str
    wanted: Json
    read: Callable[[], Json | None]
    write: Callable[[Json | None], object]
    right: str = "administration=write"


def label(hub: Hub, wanted: Json) -> Part:
    place = f"labels/{quote(wanted['name'], safe='')}"
    looks = {name: value for name, value in wanted.items() if name != "name"}  # which would be `new_name`

    def write(found: Json | None) -> None:
        hub.ask("PATCH", place, looks) if found else hub.ask("POST", "labels", wanted)

    return Part(f"label {wanted['name']}", wanted, lambda: hub.find(place), write, "issues=write")


def actions(hub: Hub, wanted: Json) -> Part:
    place = "actions/permissions/workflow"
    return Part("actions", wanted, lambda: hub.ask("GET", place), lambda _: hub.ask("PUT", place, wanted))


def environment(hub: Hub, wanted: Json) -> Part:
    """Its protection, and the branches that may use it. Reviewers are written as in CODEOWNERS: @ann, @org/team."""
    place = f"environments/{quote(wanted['name'], safe='')}"
    policies = f"{place}/deployment-branch-policies"
    handles = [handle.lower() for handle in wanted["reviewers"]]
    plain = {name: wanted[name] for name in ("branches", "prevent_self_review", "wait_timer")}

    def read() -> Json | None:
        found = hub.find(place)
        return found and _environment(found, hub.ask("GET", f"{policies}?{MOST}")["branch_policies"])

    def write(_: Json | None) -> None:
        own = {"protected_branches": False, "custom_branch_policies": True}
        people = [_reviewer(hub, handle) for handle in handles]
        rest = {name: wanted[name] for name in ("prevent_self_review", "wait_timer")}
        hub.ask("PUT", place, {**rest, "reviewers": people, "deployment_branch_policy": own})
        known = {one["name"]: one["id"] for one in hub.ask("GET", f"{policies}?{MOST}")["branch_policies"]}
        for name in set(wanted["branches"]) - set(known):
            hub.ask("POST", policies, {"name": name, "type": "branch"})
        for name in set(known) - set(wanted["branches"]):
            hub.ask("DELETE", f"{policies}/{known[name]}")

    return Part(f"environment {wanted['name']}", {**plain, "reviewers": handles}, read, write)


def _environment(found: Json, policies: list[Json]) -> Json:
    """What the API tells of an environment, in the words of the file."""
    rules = {rule["type"]: rule for rule in found["protection_rules"]}
    asked = rules.get("required_reviewers", {})
    limited = found.get("deployment_branch_policy") or {}
    names = [one["name"] for one in policies] if limited.get("custom_branch_policies") else []
    return {
        "branches": [*names, *(["protected branches"] if limited.get("protected_branches") else [])],
        "reviewers": [_handle(one["reviewer"]).lower() for one in asked.get("reviewers", ())],
        "prevent_self_review": asked.get("prevent_self_review", False),
        "wait_timer": rules.get("wait_timer", {}).get("wait_timer", 0),
    }


def _handle(reviewer: Json) -> str:
    """Of a person, or of a team, whose page is .../orgs/ORG/teams/TEAM."""
    if "slug" not in reviewer:
        return f"@{reviewer['login']}"
    return f"@{reviewer['html_url'].split('/')[-3]}/{reviewer['slug']}"


def _reviewer(hub: Hub, handle: str) -> Json:
    owner, _, team = handle.removeprefix("@").partition("/")
    found = hub.ask("GET", f"/orgs/{owner}/teams/{team}" if team else f"/users/{owner}")
    return {"type": "Team" if team else "User", "id": found["id"]}


def deploy_key(hub: Hub, environment: str, secret: str) -> Part:
    """A key that may push, whose private half nobody but the environment's jobs ever sees."""
    place = f"environments/{quote(environment, safe='')}/secrets"
    wanted = {"title": environment, "read_only": False, "secret": secret}

    def keys() -> list[Json]:
        return [key for key in hub.ask("GET", f"keys?{MOST}") if key["title"] == environment]

    def read() -> Json | None:
        known = keys()
        return known[0] | {"secret": secret if hub.find(f"{place}/{secret}") else None} if known else None

    def write(_: Json | None) -> None:
        for key in keys():  # whose private half is lost, or who may not push
            hub.ask("DELETE", f"keys/{key['id']}")
        public, private = _pair()
        hub.ask("POST", "keys", {"title": environment, "key": public, "read_only": False})
        box = hub.ask("GET", f"{place}/public-key")
        sealed = {"encrypted_value": encrypt(box["key"], private), "key_id": box["key_id"]}
        hub.ask("PUT", f"{place}/{secret}", sealed)

    return Part(f"deploy key {environment}", wanted, read, write, "administration=write, environments=write")


def _pair() -> tuple[str, str]:
    """A new key as git's ssh takes it: public and private half. Never on disk."""
    made = Ed25519PrivateKey.generate()
    forms = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    halves = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return made.public_key().public_bytes(*halves).decode(), made.private_bytes(*forms).decode()


def ruleset(hub: Hub, wanted: Json) -> Part:
    def read() -> Json | None:
        listed = hub.ask("GET", f"rulesets?includes_parents=false&{MOST}")
        known = next((one["id"] for one in listed if one["name"] == wanted["name"]), None)
        return hub.ask("GET", f"rulesets/{known}") if known else None

    def write(found: Json | None) -> None:
        hub.ask("PUT", f"rulesets/{found['id']}", wanted) if found else hub.ask("POST", "rulesets", wanted)

    return Part(f"ruleset {wanted['name']}", wanted, read, write)
