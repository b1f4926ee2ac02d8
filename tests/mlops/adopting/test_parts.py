"""`nox -s settings -- --apply` that fails half-way: production stays open, and the next run ends as if nothing was."""

import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization

from mlops.adopting import plan
from mlops.adopting.settings import Settings
from mlops.hub import Hub
from mlops.releasing import registry
from mlops.workspace import git
from pipelines import settings as step
from rehearsal.api import GitHub
from rehearsal.github.calls import Answer
from rehearsal.github.place import Unknown
from rehearsal.github.settings import opened
from tests.mlops.adopting.conftest import RIGHTS, edit

WRITES = 16  # requests of a first `--apply`
WAYS = ("refused", "unheard", "dead")  # not done; done, but the answer was lost; done, and then the machine went off


def apply(root):
    return plan.apply(Settings.read(root).parts(Hub.of_person(root), root, registry.believed))


def disturb(github, number, how):
    """Let the n-th request that writes fail."""
    respond, heard = github.respond, []

    def failing(method, *rest):
        heard.append(method)
        written = len([one for one in heard if one != "GET"])
        fails = (written == number and method != "GET") or (how == "dead" and written >= number)
        if not fails or (written == number and method != "GET" and how != "refused"):
            answer = respond(method, *rest)
        return Answer(b'{"message": "Forbidden"}', 403) if fails else answer

    github.respond = failing


def calm(github):
    del github.respond


def key_of(github, environment):
    """The deploy key whose private half the environment's jobs have; None if there is no such key."""
    try:
        private = serialization.load_ssh_private_key(opened(github, environment, "DEPLOY_KEY").encode(), None)
    except Unknown:
        return None
    forms = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    public = private.public_key().public_bytes(*forms).decode()
    return next((key for key in github.known["keys"] if key["key"] == public and not key["read_only"]), None)


def deploys(github):
    """May a laptop push tags of production, or a workflow?"""
    closed = any(one["name"] == "production" and one["enforcement"] == "active" for one in github.known["rulesets"])
    branches = [one["name"] for one in github.known["policies"] if one["_environment"] == "production"]
    return not closed or (bool(key_of(github, "production")) and branches == ["main"])


def state(github, root):
    """All that an `--apply` makes, but for the numbers and the keys themselves."""
    kinds = {"labels": "name", "environments": "name", "policies": "_environment", "rulesets": "name", "pulls": "title"}
    plain = {kind: sorted(one[name] for one in github.known[kind]) for kind, name in kinds.items()}
    active = sorted(one["name"] for one in github.known["rulesets"] if one["enforcement"] == "active")
    keys = {name: bool(key_of(github, name)) for name in ("production", "release")}
    content = git(root.with_name("origin.git"), "show", "allowed-signers:.github/allowed_signers")
    signers = {line.split()[0]: line.split(maxsplit=2)[2] for line in content.splitlines()}
    signing = {name: bool(key := key_of(github, name)) and signers.get(name) == key["key"] for name in signers}
    return {**plain, "active": active, "keys": keys, "all keys": len(github.known["keys"]), "signers": signing}


UNDISTURBED = {
    "labels": ["accept-incomparable", "full-training"], "environments": ["production", "release"],
    "policies": ["production", "release"], "rulesets": ["dvc-storage", "main", "production", "versions"],
    "pulls": ["Say who signs tags"], "active": ["dvc-storage", "main", "production", "versions"],
    "keys": {"production": True, "release": True}, "all keys": 2, "signers": {"production": True, "release": True},
}  # fmt: skip


def test_an_undisturbed_run_is_what_the_others_are_compared_with(github, root, person):
    person(github)
    assert apply(root)[1] == []
    assert state(github, root) == UNDISTURBED
    assert len([one for one in github.requests if one.method != "GET"]) == WRITES


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_whatever_fails_production_stays_open_and_the_next_run_heals(github, root, person, number, how):
    person(github)
    disturb(github, number, how)
    assert apply(root)[1] != []
    assert deploys(github)
    calm(github)
    assert apply(root)[1] == []
    assert state(github, root) == UNDISTURBED


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("number", range(1, 7))
def test_keys_that_went_with_their_token_come_again_whatever_fails_meanwhile(github, root, person, number, how):
    token = person(github)
    apply(root)
    github.delete(token)
    person(github, "bob")
    disturb(github, number, how)
    assert apply(root)[1] != []
    calm(github)
    assert apply(root)[1] == []
    assert state(github, root) == UNDISTURBED


def test_an_organisation_that_forbids_deploy_keys_keeps_production_open_and_the_remedy_is_told(github, root, person):
    person(github)
    github.deploy_keys = False
    changed, faults = apply(root)
    assert deploys(github)
    assert "ruleset versions" in changed
    key, _, ruleset, *_ = faults
    assert key.startswith("deploy key production: GitHub answered 422, Validation Failed")
    assert "Deploy keys are disabled for this repository; the organisation forbids them, as new ones do" in key
    assert ruleset.startswith("ruleset production: left as it is, as nobody could push the tags that it guards: these ")
    assert "aren't there: deploy key production, deploy key release; then run this again" in ruleset
    github.deploy_keys = True
    assert apply(root)[1] == []
    assert state(github, root) == UNDISTURBED


def test_a_ruleset_that_a_key_passes_is_not_made_where_no_environment_names_one(github, root, person):
    person(github)
    edit(root, "environments", lambda file: [one.update(deploy_key=None) for one in file])
    (fault,) = apply(root)[1]
    assert fault.startswith("ruleset production: left as it is, as nobody")
    assert deploys(github)


def test_a_key_that_github_has_switched_off_is_made_anew(github, root, person):
    person(github)
    apply(root)
    github.known["keys"][0]["enabled"] = False
    assert apply(root)[0] == ["deploy key production", "who signs tags"]
    assert state(github, root) == UNDISTURBED


def test_a_private_repository_gets_the_branches_of_its_environments_and_hears_what_is_not_sold(tmp_path, root, person):
    """Reviewers, wait timer and self-review are refused there, even at their defaults."""
    with GitHub(tmp_path / "github", bare=root.with_name("origin.git"), private=True) as hub:
        person(hub)
        faults = apply(root)[1]
        assert [one["name"] for one in hub.known["policies"]] == ["main", "main"]
        assert {fault.split(": ")[0].split()[0] for fault in faults} == {"ruleset"}
        assert key_of(hub, "production")
        edit(root, "environments", lambda file: [one.update(reviewers=["@cleo"], branches=["live"]) for one in file])
        told = [fault for fault in apply(root)[1] if fault.startswith("environment")]
        assert [one["name"] for one in hub.known["policies"]] == ["live", "live"]
        assert len(told) == 2
        assert "422, Failed to create the environment protection rule" in told[0]


def test_reviewers_that_are_there_stay_where_their_successors_are_refused(github, root, person):
    person(github)
    edit(root, "environments", lambda file: file[0].update(reviewers=["@cleo"]))
    apply(root)
    edit(root, "environments", lambda file: file[0].update(reviewers=["@bob"]))
    github.people = {"nobody": None}  # whose ids it doesn't take
    respond = github.respond

    def forgetful(method, target, *rest):
        answer = respond(method, target, *rest)
        github.people.clear()
        return answer

    github.respond = forgetful
    assert "environment production: GitHub answered 422" in apply(root)[1][0]
    (rule,) = [one for one in github.find("environments", name="production")["protection_rules"] if "reviewers" in one]
    assert [one["reviewer"]["login"] for one in rule["reviewers"]] == ["cleo"]


def test_guards_that_the_file_names_no_longer_are_taken_off(github, root, person):
    person(github)
    guards = {"reviewers": ["@cleo"], "wait_timer": 5, "prevent_self_review": True}
    edit(root, "environments", lambda file: file[0].update(guards))
    apply(root)
    edit(root, "environments", lambda file: file[0].update(reviewers=[], wait_timer=0, prevent_self_review=False))
    assert apply(root) == (["environment production"], [])
    assert [one["type"] for one in github.find("environments", name="production")["protection_rules"]] == [
        "branch_policy"
    ]


def test_the_plan_says_whose_token_new_keys_die_with_until_they_are_there(github, root, person, capsys):
    person(github)
    step.main(apply=True, root=root)
    assert "note: new deploy keys die with this token of @ann" in capsys.readouterr().out
    step.main(apply=False, root=root)
    assert "token of @ann" not in capsys.readouterr().out


def test_keys_outlive_the_token_of_an_app(github, root, person, capsys):
    token = person(github)
    github.tokens[token] = replace(github.tokens[token], actor="robot[bot]")
    step.main(apply=False, root=root)
    assert "die with this token" not in capsys.readouterr().out


def test_the_rights_that_a_token_is_asked_for_are_those_that_it_takes(github, root, person, monkeypatch):
    person(github)
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(ValueError, match="GITHUB_TOKEN is not set") as told:
        Hub.of_person(root)
    listed = dict(re.findall(r"([A-Z][a-z ]+): (read|write)", str(told.value)))
    named = {name.lower().replace(" ", "-").removeprefix("commit-"): level for name, level in listed.items()}
    assert named == RIGHTS | {"members": "read"}


@pytest.mark.parametrize("right", sorted(RIGHTS.keys() - {"statuses"}))  # without: the ruleset asks for less
def test_each_right_is_missed(github, root, person, right):
    person(github, **{right: "none"})
    assert apply(root)[1] != []
