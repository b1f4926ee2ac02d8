"""A year on GitHub's stand-in: main is deployed, a pull request that leaks is refused, one that helps goes live. A
summer passes, the monitor finds drift, what it leads to is merged and goes live, and is rolled back; a client keeps
asking.

The workflows are the ones that GitHub runs. Comments and proposal are left in full in experiment/demo/.
"""

import sys
import tempfile
import time
from pathlib import Path

from mlops import console, trees
from mlops.contract import save
from mlops.releasing import local
from mlops.workspace import git
from rehearsal.clients import Client
from rehearsal.runs import Pushed, Run
from rehearsal.sandbox import Sandbox, open_pull_request, sandbox
from rehearsal.summer import Summer

LEAK = '"arr_delay": column("number", '
HELPS = ("a-lower-learning-rate", "params.yaml", "learning_rate: 0.3", "learning_rate: 0.1")
LEAKS = ("arrival-delay-as-an-input", "src/problem/schema.py", LEAK + '"ignored"', LEAK + '"input"')
LEFT_OUT = ("checks.yml", "image.yml")  # they would run the tests, and build images
PATIENCE = 600.0  # seconds; ends a hang


def main(root: Path = Path()) -> int:
    """Play it, and end with 1 if something ends otherwise than it should."""
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder)) as github:
        github.api.private = True  # so that production's rows may go to its branch: see retrain.publish
        console.say("Pushing main: its sample is trained into main's cache, and its model deployed ...")
        base = github.publish(root, "HEAD", "main")
        right = _told(github.happen("push", github.api.push_event("main"), base, LEFT_OUT)) == ["success", "success"]
        stand = local.served(root.resolve(), str(github.origin), "prod", Path(folder) / "stand")
        with stand as found, Client(found.url) as client:
            right &= _pull_request(root, github, base, LEAKS) == "failure"
            right &= _pull_request(root, github, base, HELPS) == "success"
            right &= _merge(github, client, "v1.1.0")
            right &= _retrain(github, client, Summer(root.resolve(), github, found))
            right &= _rollback(github, client, "v1.1.0")
    return int(not right)


def _pull_request(root: Path, github: Sandbox, base: Pushed, change: tuple[str, str, str, str]) -> str:
    """Open a pull request, and show the head of the comment that it gets; the state of its status `verdict`."""
    branch, file, old, new = change
    console.say(f"\nPull request {branch}: {file}: {old} -> {new}")
    head = github.push(root, _changed(root, file, old, new), branch, base)
    number, finished = open_pull_request(github, head, without=LEFT_OUT)
    text = str(github.api.comments(number)[0]["body"])
    path = root / "experiment/demo" / f"{branch}.md"
    save(path, text.encode())
    _told(finished)
    console.say("The comment:\n")
    console.show(text.split("<details>")[0])
    console.say(f"The full comment: {path.relative_to(root)}")
    return str(github.api.verdict(number))


def _merge(github: Sandbox, client: Client, version: str) -> bool:
    """Merge the pull request that was opened last, and watch the new version go live."""
    console.say("\nMerging it ...")
    client.told()
    merged = github.merge()
    push = github.api.push_event("main", git(github.origin, "rev-parse", f"{merged.sha}^1"))
    finished = github.happen("push", push, merged, [*LEFT_OUT, "experiment.yml"])
    champion = finished[0].outcome.summary.partition("## Against the champion")[2].split("<details>")[0]
    console.show(f"## Against the champion{champion}")
    return _told(finished) == ["success"] and _live(client, version)


def _retrain(github: Sandbox, client: Client, summer: Summer) -> bool:
    """Four months of traffic, the monitor, the pull request that it leads to, and the new version."""
    console.say("\nJune to September: every flight asks, and what became of it is reported a day later ...")
    summer.passes()
    console.say("\nmonitor.yml looks at July:\n")
    watched = _told(summer.is_watched())
    right = set(watched) == {"success"} and len(watched) > 1 and summer.is_proposed()
    return right and _merge(github, client, "v1.1.1")


def _rollback(github: Sandbox, client: Client, version: str) -> bool:
    console.say("\nRolling back by hand: rollback.yml ...")
    ended = _told([github.dispatch("rollback.yml", reason="the demo wants to see it")])
    return ended == ["success"] and _live(client, version)


def _live(client: Client, version: str) -> bool:
    """Wait until the client is answered by this version alone; says what it was answered meanwhile."""
    deadline, latest = time.monotonic() + PATIENCE, ""
    while latest != version and time.monotonic() < deadline:
        time.sleep(0.2)
        latest = client.latest
    console.say(f"{client.told()}; now it is {latest}.")
    return latest == version and not client.failed


def _told(finished: list[Run]) -> list[str]:
    """Say how runs ended; their conclusions, those left out that had nothing to do."""
    ran = [one for one in finished if one.outcome.conclusion != "skipped"]
    for one in ran:
        seconds = sum(step.seconds for step in one.outcome.steps)
        console.say(f"{one.workflow}: {one.outcome.conclusion}, {seconds:.0f} s")
    return [one.outcome.conclusion for one in ran]


def _changed(root: Path, file: str, old: str, new: str) -> str:
    """Tree of the last commit with a text of one file replaced."""
    text = git(root, "show", f"HEAD:{file}").replace(old, new) + "\n"
    return trees.changed(root, "HEAD", {file: trees.blob(root, text)})


if __name__ == "__main__":
    sys.exit(main())
