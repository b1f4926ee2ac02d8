"""Who waits in the sandbox, as at GitHub: for an environment's reviewers, and for a concurrency group."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from github.PublicKey import encrypt

from mlops.workspace import git
from rehearsal import queue
from rehearsal.github import settings
from rehearsal.queue import Queue
from rehearsal.runs import Run
from rehearsal.sandbox import IDENTITY, Sandbox, sandbox

DEPLOY = {
    "build": {
        "outputs": {"version": "${{ steps.made.outputs.version }}"},
        "steps": [{"id": "made", "run": 'echo "version=${{ inputs.version }}" >> "$GITHUB_OUTPUT"'}],
    },
    "ship": {
        "needs": ["build"],
        "if": "needs.build.outputs.version != ''",
        "environment": {"name": "production"},
        "concurrency": {"group": "ship", "cancel-in-progress": False},
        "steps": [{"run": "echo shipped ${{ needs.build.outputs.version }}"}],
    },
    "tell": {"needs": ["ship"], "steps": [{"run": "echo told"}]},
}
BACK = {"back": {"environment": "production", "steps": [{"run": "echo went back"}]}}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Makes a sandbox with these workflows, whose environment `production` has a reviewer who takes their time."""
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "--quiet", "--initial-branch=main")
    with sandbox(tmp_path / "sandbox") as made:

        def make(**workflows: dict) -> Sandbox:
            for name, content in workflows.items():
                for job in content["jobs"].values():
                    job |= {"runs-on": "ubuntu-latest"}
                file = source / f".github/workflows/{name}.yml"
                file.parent.mkdir(parents=True, exist_ok=True)
                inputs = {"workflow_dispatch": {"inputs": {"version": {"required": False}}}}
                file.write_text(yaml.safe_dump({"name": name, "on": inputs, **content}))
            git(source, "add", "--all")
            git(source, "commit", "--quiet", "--message", "Workflows", **IDENTITY)
            made.publish(source, "HEAD", "main")
            made.api.protect("production", ["cleo"])
            made.approves = False
            return made

        yield make


def told(run: Run) -> list[str]:
    return [line for line in run.outcome.log.splitlines() if line.startswith(("shipped", "told", "went"))]


def test_a_job_waits_for_its_reviewers_and_then_goes_on_with_what_it_was_given(github):
    made = github(deploy={"jobs": DEPLOY})
    run = made.dispatch("deploy.yml", version="v1")
    assert run.outcome.jobs == {"build": "success", "ship": "waiting"}
    assert (run.outcome.conclusion, told(run)) == ("waiting", [])
    assert made.api.find("runs", id=run.run_id)["status"] == "in_progress"
    made.approve(run, "ship")
    assert run.outcome.jobs == {"build": "success", "ship": "success", "tell": "success"}, run.outcome.log
    assert told(run) == ["shipped v1", "told"]
    assert made.api.find("runs", id=run.run_id)["conclusion"] == "success"
    with pytest.raises(ValueError, match="waits for nobody"):
        made.approve(run, "ship")


def test_nobody_is_asked_where_there_is_nothing_to_do_or_no_reviewer(github):
    made = github(deploy={"jobs": DEPLOY})
    assert made.dispatch("deploy.yml", version="").outcome.jobs == {"build": "success", "ship": "skipped"}
    made.api.protect("production")
    assert made.dispatch("deploy.yml", version="v1").outcome.conclusion == "success"


def test_of_those_that_wait_for_a_group_the_newest_stays(github):
    made = github(deploy={"jobs": DEPLOY})
    first, second, third = (made.dispatch("deploy.yml", version=f"v{number}") for number in (1, 2, 3))
    assert [one.outcome.jobs["ship"] for one in (first, second, third)] == ["waiting", "cancelled", "pending"]
    assert second.outcome.conclusion == "cancelled"
    made.approve(first, "ship")
    assert (told(first), third.outcome.jobs["ship"]) == (["shipped v1", "told"], "waiting")
    made.approve(third, "ship")
    assert told(third) == ["shipped v3", "told"]


@pytest.mark.parametrize("own", [False, True])
def test_a_rollback_in_the_group_of_a_deployment_waits_for_its_approval_and_is_cancelled_by_the_next(own, github):
    group = "back" if own else "ship"
    made = github(deploy={"jobs": DEPLOY}, rollback={"concurrency": {"group": group}, "jobs": BACK})
    made.dispatch("deploy.yml", version="v1")
    back = made.dispatch("rollback.yml")
    assert back.outcome.jobs == {"back": "waiting" if own else "pending"}
    made.dispatch("deploy.yml", version="v2")
    assert back.outcome.jobs == {"back": "waiting" if own else "cancelled"}
    if own:
        made.approve(back, "back")
        assert told(back) == ["went back"]


def test_each_job_sees_the_secrets_of_its_environment_alone(github):
    step = [{"run": 'echo "told ${#KEY}"', "env": {"KEY": "${{ secrets.KEY }}"}}]
    jobs = {
        "first": {"environment": "release", "outputs": {"n": "7"}, "steps": step},
        "second": {"needs": ["first"], "environment": "production", "steps": step},
        "third": {"needs": ["second"], "steps": [{"run": 'echo "told ${{ needs.second.result }}"'}]},
        "never": {"if": "false", "needs": ["first"], "environment": "production", "steps": step},
    }
    made = github(keys={"jobs": jobs})
    made.approves = True
    for name in ("release", "production"):
        made.api.protect(name)
        sealed = encrypt(b64encode(bytes(settings.box().public_key)).decode(), f"of-{name}")
        made.api.add("secrets", name="KEY", environment=name, encrypted_value=sealed)
    run = made.dispatch("keys.yml")
    assert run.outcome.jobs == {"first": "success", "second": "success", "third": "success", "never": "skipped"}
    assert told(run) == [f"told {len('of-release')}", f"told {len('of-production')}", "told success"]


PULL = {"event": {"pull_request": {"number": 7}}, "event_name": "pull_request", "ref": "refs/heads/x"}
PUSH = {"event": {}, "event_name": "push", "ref": "refs/heads/main"}


@pytest.mark.parametrize(
    ("block", "github", "said"),
    [
        (None, PUSH, None),
        ("plain", PUSH, ("plain", False)),
        ({"group": "e-${{ github.event.pull_request.number || github.ref }}"}, PULL, ("e-7", False)),
        ({"group": "e-${{ github.event.pull_request.number || github.ref }}"}, PUSH, ("e-refs/heads/main", False)),
        ({"group": "e", "cancel-in-progress": True}, PUSH, ("e", True)),
        ({"group": "e", "cancel-in-progress": "${{ github.event_name == 'pull_request' }}"}, PULL, ("e", True)),
        ({"group": "e", "cancel-in-progress": "${{ github.event_name == 'pull_request' }}"}, PUSH, ("e", False)),
    ],
)
def test_groups_are_named_as_github_names_them(block, github, said):
    assert queue.group(block, {"github": github}) == said


def test_a_group_that_is_more_than_the_rehearsal_can_read_is_refused():
    with pytest.raises(RuntimeError, match="more than the rehearsal evaluates"):
        queue.group("${{ format('{0}', github.ref) }}", {"github": PUSH})


def test_who_cancels_what_is_in_progress_holds_the_group():
    line: Queue[str] = Queue()
    assert line.enter("g", "one", cancels=False) == []
    assert line.enter("g", "two", cancels=False) == []
    assert line.enter("g", "three", cancels=True) == ["two", "one"]
    assert line.leave("g", "one") is None
    assert line.leave("g", "three") is None
    assert line.enter("g", "four", cancels=False) == []
    assert line.holders == {"g": "four"}
