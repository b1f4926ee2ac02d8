"""Endpoints for settings: Actions, environments with branches and secrets, deploy keys, rulesets.

A private repository is one of GitHub Free: no rulesets, and of an environment's guards not even the defaults. A deploy
key dies with the personal token that made it (`GitHub.delete`), and an organisation may forbid them (`deploy_keys`).
"""

from base64 import b64decode, b64encode
from functools import cache

from nacl.public import PrivateKey, SealedBox

from rehearsal.github.calls import Answer, Call, Refused, invalid, required
from rehearsal.github.memory import Memory
from rehearsal.github.place import Json, Unknown

RULES = {"creation", "update", "deletion", "non_fast_forward", "pull_request", "required_status_checks"}
ACTORS = {"DeployKey", "Integration", "OrganizationAdmin", "RepositoryRole", "Team"}
BUY = "Upgrade to GitHub Pro or make this repository public to enable this feature."
GUARDS = {"reviewers", "prevent_self_review", "wait_timer"}
FORBIDDEN = {"resource": "PublicKey", "code": "custom", "message": "Deploy keys are disabled for this repository"}
BUY_REVIEWERS = (
    "Failed to create the environment protection rule. "
    "Please ensure the billing plan supports the required reviewers protection rule."
)


@cache
def box() -> PrivateKey:
    """Whose public half seals secrets."""
    return PrivateKey.generate()


def show_owner(hub: Memory, call: Call) -> Answer:
    """Of the token; an App's is nobody's."""
    if call.actor.endswith("[bot]"):
        raise Refused(403, "Resource not accessible by integration")
    return Answer(hub.user(call.actor))


def show_team(hub: Memory, call: Call) -> Answer:
    """Every team of the repository's owner, and no other."""
    org, team = call.words["org"], call.words["team"]
    if org != hub.repository.split("/")[0]:
        raise Unknown(org)
    number, page = hub.user(f"{org}/{team}")["id"], f"{hub.server}/orgs/{org}/teams/{team}"
    hub.people[number] = {"id": number, "slug": team, "name": team, "html_url": page}
    return Answer(hub.people[number])


def show_actions(hub: Memory, _: Call) -> Answer:
    return Answer(hub.actions)


def set_actions(hub: Memory, call: Call) -> Answer:
    if call.body.get("default_workflow_permissions", "read") not in ("read", "write"):
        raise invalid("Actions", "default_workflow_permissions", "invalid")
    hub.actions.update({name: call.body[name] for name in hub.actions if name in call.body})
    return Answer(None, 204)


def show_environment(hub: Memory, call: Call) -> Answer:
    return Answer(hub.find("environments", name=call.words["environment"]))


def set_environment(hub: Memory, call: Call) -> Answer:
    """Made, or made anew: what the body doesn't name is switched off."""
    name, asked = call.words["environment"], call.body.get("reviewers") or []
    if hub.private and GUARDS & call.body.keys():
        raise Refused(422, BUY_REVIEWERS)
    rules: list[Json] = []
    if call.body.get("wait_timer"):
        rules.append({"id": 2, "type": "wait_timer", "wait_timer": call.body["wait_timer"]})
    if asked:
        people = [{"type": one["type"], "reviewer": _reviewer(hub, one)} for one in asked]
        alone = call.body.get("prevent_self_review", False)
        rules.append({"id": 1, "type": "required_reviewers", "reviewers": people, "prevent_self_review": alone})
    branches = call.body.get("deployment_branch_policy")
    rules += [{"id": 3, "type": "branch_policy"}] if branches else []
    try:
        made = hub.find("environments", name=name)
    except Unknown:
        made = hub.add("environments", f"environments/{name}", name=name)
    made.update(protection_rules=rules, deployment_branch_policy=branches)
    return Answer(made)


def _reviewer(hub: Memory, asked: Json) -> Json:
    """Whoever was looked up before under this id."""
    if asked.get("id") not in hub.people:
        raise invalid("Environment", "reviewers", "invalid")
    return hub.people[asked["id"]]


def list_policies(hub: Memory, call: Call) -> Answer:
    show_environment(hub, call)
    found = [one for one in hub.known["policies"] if one["_environment"] == call.words["environment"]]
    return Answer(found, name="branch_policies")


def create_policy(hub: Memory, call: Call) -> Answer:
    if not (show_environment(hub, call).content["deployment_branch_policy"] or {}).get("custom_branch_policies"):
        raise Unknown("policies")
    (name,) = required(call, "DeploymentBranchPolicy", "name")
    about = {"_environment": call.words["environment"], "type": call.body.get("type", "branch")}
    return Answer(hub.add("policies", name=name, **about))


def delete_policy(hub: Memory, call: Call) -> Answer:
    hub.known["policies"].remove(hub.find("policies", id=call.words["policy"]))
    return Answer(None, 204)


def show_box(hub: Memory, call: Call) -> Answer:
    show_environment(hub, call)
    return Answer({"key_id": "1", "key": b64encode(bytes(box().public_key)).decode()})


def show_secret(hub: Memory, call: Call) -> Answer:
    """That it is there; its value is never told."""
    found = hub.find("secrets", name=call.words["secret"], environment=call.words["environment"])
    return Answer({name: found[name] for name in ("name", "created_at", "updated_at")})


def set_secret(hub: Memory, call: Call) -> Answer:
    environment = show_environment(hub, call).content["name"]
    sealed, _ = required(call, "Secret", "encrypted_value", "key_id")
    known = hub.known["secrets"]
    known[:] = [one for one in known if (one["name"], one["environment"]) != (call.words["secret"], environment)]
    hub.add("secrets", name=call.words["secret"], environment=environment, encrypted_value=sealed)
    return Answer({}, 201)


def delete_secret(hub: Memory, call: Call) -> Answer:
    found = hub.find("secrets", name=call.words["secret"], environment=call.words["environment"])
    hub.known["secrets"].remove(found)
    return Answer(None, 204)


def opened(hub: Memory, environment: str, name: str) -> str:
    """What a job of the environment would find in a secret."""
    sealed = hub.find("secrets", name=name, environment=environment)["encrypted_value"]
    return SealedBox(box()).decrypt(b64decode(sealed)).decode()


def list_keys(hub: Memory, _: Call) -> Answer:
    return Answer(hub.known["keys"])


def create_key(hub: Memory, call: Call) -> Answer:
    title, key = required(call, "PublicKey", "title", "key")
    if not hub.deploy_keys:
        raise Refused(422, "Validation Failed", FORBIDDEN)
    if any(one["key"] == key for one in hub.known["keys"]):
        raise invalid("PublicKey", "key", "custom", "key is already in use")
    rights = {"read_only": call.body.get("read_only", False), "verified": True, "enabled": True}
    return Answer(hub.add("keys", "keys/{id}", title=title, key=key, added_by=call.actor, **rights), 201)


def delete_key(hub: Memory, call: Call) -> Answer:
    hub.known["keys"].remove(hub.find("keys", id=call.words["key"]))
    return Answer(None, 204)


def list_rulesets(hub: Memory, _: Call) -> Answer:
    """Without their rules, which each shows itself."""
    _sold(hub)
    shown = ("id", "name", "target", "enforcement", "created_at", "updated_at")
    return Answer([{name: one[name] for name in shown} for one in hub.known["rulesets"]])


def show_ruleset(hub: Memory, call: Call) -> Answer:
    _sold(hub)
    return Answer(hub.find("rulesets", id=call.words["ruleset"]))


def create_ruleset(hub: Memory, call: Call) -> Answer:
    _sold(hub)
    if any(one["name"] == call.body.get("name") for one in hub.known["rulesets"]):
        raise invalid("Ruleset", "name", "custom", "Name must be unique")
    return Answer(hub.add("rulesets", **_ruleset(call)), 201)


def set_ruleset(hub: Memory, call: Call) -> Answer:
    found = show_ruleset(hub, call).content
    found.update(_ruleset(call))
    return Answer(found)


def _ruleset(call: Call) -> Json:
    """What the body says, and what GitHub adds to the parameters of a rule."""
    name, enforcement = required(call, "Ruleset", "name", "enforcement")
    rules, actors = call.body.get("rules", []), call.body.get("bypass_actors", [])
    unknown = {rule["type"] for rule in rules} - RULES | {actor["actor_type"] for actor in actors} - ACTORS
    if unknown or any(actor["actor_type"] == "DeployKey" and actor["actor_id"] is not None for actor in actors):
        raise invalid("Ruleset", "rules", "invalid", f"Invalid rule or actor: {', '.join(sorted(unknown))}")
    for rule in rules:
        if rule["type"] == "pull_request":
            rule["parameters"].setdefault("allowed_merge_methods", ["merge", "squash", "rebase"])
    about = {"target": "branch", "conditions": {"ref_name": {"include": [], "exclude": []}}}
    told = {key: call.body.get(key, value) for key, value in about.items()}
    return {"name": name, "enforcement": enforcement, "rules": rules, "bypass_actors": actors, **told}


def _sold(hub: Memory) -> None:
    if hub.private:
        raise Refused(403, BUY)
