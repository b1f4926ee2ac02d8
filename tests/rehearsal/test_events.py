"""Payloads hold what a workflow may read: all of GitHub's own fields, with the rehearsal's values over them."""

import json
import re
from typing import Any

import pytest
import yaml

from rehearsal import triggers
from rehearsal.api import GitHub
from tests.conftest import ROOT

SHA, OTHER = "a" * 40, "b" * 40
FIELD = re.compile(r"github\.event\.([\w.*]+\w)")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def payloads(hub: GitHub) -> dict[str, dict[str, Any]]:
    """One of each event that starts a workflow here."""
    number = hub.open_pull_request("change", SHA, labels=["full-training"])
    run = hub.add_run("experiment", SHA, "change")
    return {
        "merge_group": hub.merge_group_event(SHA, "refs/heads/gh-readonly-queue/main/pr-1", OTHER),
        "pull_request": hub.pull_request_event(number, "opened"),
        "push": hub.push_event("main", OTHER),
        "repository_dispatch": hub.event("repository_dispatch", action="retrain", client_payload={"reason": "drift"}),
        "schedule": hub.event("schedule", schedule="47 3 * * *", workflow=".github/workflows/score.yml"),
        "workflow_dispatch": hub.event("workflow_dispatch", ref="refs/heads/main", inputs={"until": "2013-07-31"}),
        "workflow_run": hub.workflow_run_event(run),
    }


def reads(payload: Any, path: str) -> bool:
    """Is there such a field? Of a list every element has it."""
    name, _, rest = path.partition(".")
    if isinstance(payload, list):
        return bool(payload) and all(reads(one, rest if name == "*" else path) for one in payload)
    return isinstance(payload, dict) and name in payload and (not rest or reads(payload[name], rest))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_field_that_a_workflow_reads_is_there(path, hub):
    text = path.read_text(encoding="utf-8")
    starting = triggers.triggers(yaml.safe_load(text))
    known = {name: payload for name, payload in payloads(hub).items() if name in starting}
    assert known.keys() == starting.keys()
    for field in set(FIELD.findall(text)):
        assert any(reads(payload, field) for payload in known.values()), f"{path.name}: github.event.{field}"


def test_what_the_rehearsal_knows_lies_over_what_github_would_say(hub):
    known = payloads(hub)
    for name, payload in known.items():
        assert payload["repository"]["full_name"] == "owner/project", name
        assert "pushed_at" in payload["repository"], name
        assert "octocat" not in json.dumps(payload), name
    pull = known["pull_request"]["pull_request"]
    assert (pull["head"]["sha"], pull["labels"][0]["name"], pull["draft"]) == (SHA, "full-training", False)
    assert pull["labels"][0]["default"] is False
    assert pull["head"]["repo"]["visibility"] == "public"
    assert known["workflow_run"]["workflow_run"]["head_commit"]["id"] == SHA
    assert (known["push"]["created"], known["push"]["before"], known["push"]["pusher"]["name"]) == (False, OTHER, "ann")


def test_a_run_tells_less_of_its_repository_than_the_event_itself(hub):
    payload = payloads(hub)["workflow_run"]
    assert "default_branch" in payload["repository"]
    assert "default_branch" not in payload["workflow_run"]["repository"]


def test_a_push_to_a_pull_request_says_what_was_there_before(hub):
    number = hub.open_pull_request("change", SHA)
    hub.update_head(number, OTHER)
    payload = hub.pull_request_event(number, "synchronize")
    assert (payload["before"], payload["after"]) == (SHA, OTHER)
    assert "_before" not in json.dumps(payload)
