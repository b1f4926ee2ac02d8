"""Run a workflow file as GitHub would, with act in host mode: no docker, no network, stand-ins for every action."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.record import note

HERE = Path(__file__).parent
STAND_INS = {
    "actions/checkout": "checkout",
    "actions/upload-artifact": "upload-artifact",
    "actions/cache": "cache",
    "actions/attest-build-provenance": "attest-build-provenance",
    "actions/create-github-app-token": "create-github-app-token",
    "astral-sh/setup-uv": "setup-uv",
    "docker/build-push-action": "build-push",
    "docker/login-action": "login",
    "docker/metadata-action": "metadata",
}
USES = re.compile(r"uses:\s*([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@([0-9a-f]{40})")


@dataclass(frozen=True)
class Step:
    """A finished step: its name, `success`, `failure` or `skipped`, and its seconds."""

    job: str
    name: str
    result: str
    seconds: float


def ignore(step: Step) -> None:
    """Hear of a step, and say nothing."""


def enter(job: str) -> None:
    """Hear of a job, and say nothing."""


@dataclass
class Outcome:
    """What a run of a workflow came to: results of its jobs, steps, all that they printed, and their summaries."""

    jobs: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    log: str = ""
    summary: str = ""
    job: str = ""

    @property
    def conclusion(self) -> str:
        ends = set(self.jobs.values()) - {"skipped"}
        if "failure" not in ends:  # these say it of a whole run, too
            for said in ("waiting", "pending", "cancelled"):
                if said in ends:
                    return said
        return "skipped" if not ends else "success" if ends == {"success"} else "failure"


def run(
    tree: Path, workflow: str, event: str, payload: Mapping[str, Any], token: str,
    variables: Mapping[str, str], scratch: Path, heard: Callable[[Step], None] = ignore, options: Sequence[str] = (),
    entered: Callable[[str], None] = enter, file: Path | None = None, outcome: Outcome | None = None,
) -> Outcome:  # fmt: skip
    """Run `.github/workflows/<workflow>` of the checkout `tree`, or `file` in its place.

    Parameters
    ----------
    payload
        The event as GitHub would send it.
    variables
        Environment of every step.
    entered
        Hears of each job as it begins; jobs run one after the other.
    outcome
        What the run came to so far, which this adds to.

    Raises
    ------
    RuntimeError
        A job asks for a runner or an action that has no stand-in.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    note(event={"name": event, "payload": payload})
    (scratch / "event.json").write_text(json.dumps(payload), encoding="utf-8")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(scratch / "home"), "XDG_CACHE_HOME": str(scratch / "cache"),
        "XDG_CONFIG_HOME": str(scratch / "config"), "TERM": "dumb", "GIT_PAGER": "cat", "GIT_CONFIG_GLOBAL": os.devnull,
    }  # fmt: skip
    outcome = outcome or Outcome()
    with subprocess.Popen(
        [*_command(tree, file or f".github/workflows/{workflow}", event, token, variables, scratch), *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            _hear(outcome, line, heard, entered)
    if "Skipping unsupported platform" in outcome.log:
        raise RuntimeError(f"{workflow}: a job asks for a runner that isn't here")
    return outcome


def _command(
    tree: Path, file: str | Path, event: str, token: str, variables: Mapping[str, str], scratch: Path
) -> list[str]:
    command = ["act", event, "-C", str(tree), "-W", str(file), "-e", str(scratch / "event.json")]
    command += ["--json", "-v", "--rm", "-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--no-skip-checkout"]
    command += [
        "--concurrent-jobs",
        "1",
        "--action-cache-path",
        str(scratch / "actions"),
        "-s",
        f"GITHUB_TOKEN={token}",
    ]
    for kind in ("env", "secret", "var", "input"):
        command += [f"--{kind}-file", os.devnull]
    for name, value in variables.items():
        command += ["--env", f"{name}={value}"]
    for action, sha in _used(tree):
        command += ["--local-repository", f"{action}@{sha}={HERE / 'actions' / STAND_INS[action]}"]
    return command


def _used(tree: Path) -> set[tuple[str, str]]:
    """Third-party actions of all workflows and composite actions."""
    files = [*(tree / ".github").rglob("*.yml")]
    found = {pair for file in files for pair in USES.findall(file.read_text(encoding="utf-8"))}
    strange = [action for action, _ in found if action not in STAND_INS]
    if strange:
        raise RuntimeError(f"no stand-in for {', '.join(strange)}: add one in rehearsal/actions")
    return found


def _hear(outcome: Outcome, line: str, heard: Callable[[Step], None], entered: Callable[[str], None]) -> None:
    try:
        said = json.loads(line)
    except json.JSONDecodeError:
        outcome.log += line
        return
    if said.get("jobID", outcome.job) != outcome.job:
        outcome.job = said["jobID"]
        entered(outcome.job)
    if said.get("raw_output") or said.get("level") in ("error", "warning"):
        outcome.log += said["msg"].rstrip("\n") + "\n"
    if said.get("command") == "summary":
        outcome.summary += said.get("content", said["msg"])
    if "jobResult" in said:
        outcome.jobs[said["jobID"]] = said["jobResult"]
    if "stepResult" in said and said.get("stage") == "Main" and len(said.get("stepID", ())) == 1:
        step = Step(said["jobID"], said["step"], said["stepResult"], said.get("executionTime", 0) / 1e9)
        outcome.steps.append(step)
        heard(step)
