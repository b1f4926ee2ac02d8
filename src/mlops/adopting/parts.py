"""The parts of a repository's settings: how GitHub is asked for each, and how it is sent.

References
----------
GitHub REST API: https://docs.github.com/rest (labels, actions/permissions, deployments, deploy-keys, repos/rules).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from github import GithubException
from github.PublicKey import encrypt

from mlops.contract import BadInput
from mlops.hub import Hub

Json = dict[str, Any]
GUARDS: Json = {"reviewers": [], "prevent_self_review": False, "wait_timer": 0}  # of an environment, and their defaults
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

    def is_there(self) -> bool:
        """As wanted, but for the guards of an environment, which a plan may lack."""
        found = self.read()
        return found is not None and all(found.get(name) == self.wanted[name] for name in self.wanted.keys() - GUARDS)


def label(hub: Hub, wanted: Json) -> Part:
    place = f"labels/{quote(wanted['name'], safe='')}"
    looks = {name: value for name, value in wanted.items() if name != "name"}  # which would be `new_name`

    def write(found: Json | None) -> None:
        hub.ask("PATCH", place, looks) if found else hub.ask("POST", "labels", wanted)

    return Part(f"label {wanted['name']}", wanted, lambda: hub.find(place), write, "pull_requests=write")


def actions(hub: Hub, wanted: Json) -> Part:
    place = "actions/permissions/workflow"
    return Part("actions", wanted, lambda: hub.ask("GET", place), lambda _: hub.ask("PUT", place, wanted))


def environment(hub: Hub, wanted: Json) -> Part:
    """Its guards, and the branches that may use it. Reviewers are written as in CODEOWNERS: @ann, @org/team.

    A guard that is off, and is to stay off, isn't sent: private repositories below Enterprise refuse even that (422).
    """
    place = f"environments/{quote(wanted['name'], safe='')}"
    policies = f"{place}/deployment-branch-policies"
    told = {**{name: wanted[name] for name in GUARDS}, "branches": sorted(wanted["branches"])}
    told["reviewers"] = [handle.lower() for handle in wanted["reviewers"]]

    def read() -> Json | None:
        found = hub.find(place)
        return found and _environment(found, hub.ask("GET", f"{policies}?{MOST}")["branch_policies"])

    def write(found: Json | None) -> None:
        now, own = found or GUARDS, {"protected_branches": False, "custom_branch_policies": True}
        branches, refused = {"deployment_branch_policy": own}, None
        guards = {name: told[name] for name, off in GUARDS.items() if told[name] != off or now[name] != off}
        if "reviewers" in guards:
            guards["reviewers"] = [_reviewer(hub, handle) for handle in told["reviewers"]]
        try:
            hub.ask("PUT", place, {**guards, **branches})
        except GithubException as error:
            if error.status != 422 or any(now[name] != off for name, off in GUARDS.items()):
                raise
            hub.ask("PUT", place, branches)  # whoever's plan lacks the guards has these at least
            refused = error
        known = {one["name"]: one["id"] for one in hub.ask("GET", f"{policies}?{MOST}")["branch_policies"]}
        for name in set(wanted["branches"]) - set(known):
            hub.ask("POST", policies, {"name": name, "type": "branch"})
        for name in set(known) - set(wanted["branches"]):
            hub.ask("DELETE", f"{policies}/{known[name]}")
        if refused:
            raise refused

    return Part(f"environment {wanted['name']}", told, read, write)


def _environment(found: Json, policies: list[Json]) -> Json:
    """What the API tells of an environment, in the words of the file."""
    rules = {rule["type"]: rule for rule in found["protection_rules"]}
    asked = rules.get("required_reviewers", {})
    limited = found.get("deployment_branch_policy") or {}
    names = [one["name"] for one in policies] if limited.get("custom_branch_policies") else []
    return {
        "branches": sorted([*names, *(["protected branches"] if limited.get("protected_branches") else [])]),
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
    wanted = {"title": environment, "read_only": False, "enabled": True, "secret": secret}

    def keys() -> list[Json]:
        return [key for key in hub.ask("GET", f"keys?{MOST}") if key["title"] == environment]

    def read() -> Json | None:
        known = keys()
        if len(known) != 1:  # of two, nobody knows which is the secret's
            return None
        return {"enabled": True, **known[0], "secret": secret if hub.find(f"{place}/{secret}") else None}

    def write(_: Json | None) -> None:
        """What goes wrong leaves no key that passes for whole: one without a secret, two, or what was there."""
        box, known, (public, private) = hub.ask("GET", f"{place}/public-key"), keys(), _pair()
        if not known and hub.find(f"{place}/{secret}"):
            hub.ask("DELETE", f"{place}/{secret}")  # its key went, as with a token that was deleted
        made, stored = hub.ask("POST", "keys", {"title": environment, "key": public, "read_only": False}), False
        try:
            sealed = {"encrypted_value": encrypt(box["key"], private), "key_id": box["key_id"]}
            hub.ask("PUT", f"{place}/{secret}", sealed)
            stored = True
        finally:
            for half in () if stored else (f"keys/{made['id']}", f"{place}/{secret}"):  # stored, perhaps, but unheard
                with suppress(GithubException):
                    hub.ask("DELETE", half)
        for key in known:  # whose private half is lost, or who may not push
            hub.ask("DELETE", f"keys/{key['id']}")

    return Part(f"deploy key {environment}", wanted, read, write, "administration=write, environments=write")


def _pair() -> tuple[str, str]:
    """A new key as git's ssh takes it: public and private half. Never on disk."""
    made = Ed25519PrivateKey.generate()
    forms = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    halves = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return made.public_key().public_bytes(*halves).decode(), made.private_bytes(*forms).decode()


def ruleset(hub: Hub, wanted: Json, ways: Sequence[Part] = ()) -> Part:
    """One that deploy keys pass isn't made, nor changed, before its `ways` are open: environments and their keys."""
    passes = any(actor["actor_type"] == "DeployKey" for actor in wanted["bypass_actors"])

    def read() -> Json | None:
        listed = hub.ask("GET", f"rulesets?includes_parents=false&{MOST}")
        known = next((one["id"] for one in listed if one["name"] == wanted["name"]), None)
        return hub.ask("GET", f"rulesets/{known}") if known else None

    def write(found: Json | None) -> None:
        shut = ", ".join(way.name for way in ways if not way.is_there()) if passes else ""
        if passes and (shut or not ways):
            why = f"these aren't there: {shut}" if shut else "no environment has a deploy_key"
            raise BadInput(f"left as it is, as nobody could push the tags that it guards: {why}; then run this again")
        hub.ask("PUT", f"rulesets/{found['id']}", wanted) if found else hub.ask("POST", "rulesets", wanted)

    return Part(f"ruleset {wanted['name']}", wanted, read, write)
