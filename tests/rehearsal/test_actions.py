"""What workflows give to actions and take from them, against each action's own action.yml.

rehearsal/actions/known.json holds what those files say at `commit`: inputs, but for deprecated ones, those of them that
must be given, and outputs. `nox -s github` says which pins have left it.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal import act
from tests.conftest import ROOT

Json = dict[str, Any]
KNOWN: dict[str, Json] = json.loads((act.HERE / "actions/known.json").read_text(encoding="utf-8"))
RUNNABLE = {"composite", "docker", "node24"}  # runners refuse node20 since September 2026
OUTPUT = re.compile(r"steps\.([\w-]+)\.outputs\.([\w-]+)")


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


def told(path: Path) -> Json:
    """What an action.yml says, as known.json tells it."""
    content = load(path)
    inputs = content.get("inputs", {})
    required = [name for name, about in inputs.items() if about.get("required")]
    outputs = list(content.get("outputs", {}))
    return {"inputs": list(inputs), "required": required, "outputs": outputs, "using": content["runs"]["using"]}


def stand_in(name: str) -> Json:
    """What an action's stand-in says."""
    owner, repository, *below = name.split("/")
    return told(act.HERE.joinpath("actions", act.STAND_INS[f"{owner}/{repository}"], *below, "action.yml"))


FILES = [*(ROOT / ".github/workflows").glob("*.yml"), *(ROOT / ".github/actions").glob("*/action.yml")]
OWN = {f"./{path.parent.relative_to(ROOT)}": told(path) for path in (ROOT / ".github/actions").glob("*/action.yml")}


def jobs(content: Json) -> list[list[Json]]:
    """The steps of a workflow's jobs, or of a composite action."""
    return [part["steps"] for part in content.get("jobs", {"": content.get("runs")}).values()]


def faults(steps: list[Json]) -> list[str]:
    """What the actions that are used have no such input or output for, and what they miss."""
    used = {number: step["uses"].partition("@")[0] for number, step in enumerate(steps) if "uses" in step}
    known = {**KNOWN, **OWN}
    strange = [f"{name}: not in rehearsal/actions/known.json" for name in used.values() if name not in known]
    found, ids = [], {}
    for number, name in used.items():
        about, given = known.get(name, {}), set(steps[number].get("with", {}))
        ids[steps[number].get("id")] = name
        found += [f"{name}: no input {one}" for one in given - {*about.get("inputs", given)}]
        found += [f"{name}: {one} is missing" for one in {*about.get("required", ())} - given]
        if name in KNOWN:
            found += [f"{name}: the stand-in takes no {one}" for one in given - {*stand_in(name)["inputs"]}]
    for step, name in OUTPUT.findall(json.dumps(steps)):
        if step in ids and name not in known.get(ids[step], {}).get("outputs", [name]):
            found.append(f"{ids[step]}: no output {name}")
    return strange + found


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_actions_take_what_they_are_given_and_give_what_is_taken(path: Path) -> None:
    assert [fault for steps in jobs(load(path)) for fault in faults(steps)] == []


CHECKOUT = "actions/checkout@" + "a" * 40


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ({"uses": CHECKOUT, "with": {"fetch-dept": 0}}, "actions/checkout: no input fetch-dept"),
        ({"uses": CHECKOUT, "with": {"lfs": True}}, "actions/checkout: the stand-in takes no lfs"),
        ({"uses": "actions/upload-artifact@v7", "with": {"name": "a"}}, "actions/upload-artifact: path is missing"),
        (
            {"uses": "actions/create-github-app-token@v3", "with": {"app-id": 1, "private-key": "k"}},
            "actions/create-github-app-token: no input app-id",
        ),
        ({"uses": "./.github/actions/storage", "with": {"vars": 1}}, "./.github/actions/storage: no input vars"),
        ({"uses": "somebody/action@v1"}, "somebody/action: not in rehearsal/actions/known.json"),
        ({"uses": CHECKOUT, "id": "a", "env": {"B": "${{ steps.a.outputs.sha }}"}}, "actions/checkout: no output sha"),
    ],
)
def test_a_fault_is_seen(step: Json, fault: str) -> None:
    assert fault in faults([step])


def test_every_action_runs_on_todays_runners() -> None:
    assert {about["using"] for about in (*KNOWN.values(), *OWN.values())} <= RUNNABLE
    assert {"/".join(name.split("/")[:2]) for name in KNOWN} == set(act.STAND_INS)


@pytest.mark.parametrize("name", KNOWN)
def test_a_stand_in_takes_and_gives_nothing_that_the_action_does_not(name: str) -> None:
    played, real = stand_in(name), KNOWN[name]
    assert set(played["inputs"]) <= set(real["inputs"])
    assert set(played["outputs"]) <= set(real["outputs"])
