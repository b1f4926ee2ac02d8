"""Two pull requests on GitHub's stand-in: the change that newcomers are invited to make, and one that is too tempting.

The workflows are the ones that GitHub runs. Both comments are left in full in experiment/demo/.
"""

import sys
import tempfile
from pathlib import Path

from mlops import console
from mlops.contract import save
from mlops.workspace import git
from rehearsal.sandbox import Pushed, Sandbox, open_pull_request, sandbox

LEAK = '"arr_delay": column("number", '
CHANGES = {
    "a-lower-learning-rate": ("params.yaml", "learning_rate: 0.3", "learning_rate: 0.1", "success"),
    "arrival-delay-as-an-input": ("src/problem/schema.py", LEAK + '"ignored"', LEAK + '"input"', "failure"),
}
CHECKS = ("checks.yml", "image.yml")  # left out: they would run the tests, and build images


def main(root: Path = Path()) -> int:
    """Play both, and end with 1 if one of them ends otherwise than it should."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder)) as github:
        console.say("Pushing main: the base is trained into main's cache ...")
        base = github.publish(root, "HEAD", "main")
        github.happen("push", {"ref": "refs/heads/main", "repository": {"default_branch": "main"}}, base, CHECKS)
        for branch, (file, old, new, conclusion) in CHANGES.items():
            console.say(f"\nPull request {branch}: {file}: {old} -> {new}")
            head = github.push(root, _changed(root, file, old, new, Path(folder) / "index"), branch, base)
            wrong += _show(root, github, head) != conclusion
    return int(wrong > 0)


def _changed(root: Path, file: str, old: str, new: str, index: Path) -> str:
    """Tree of the last commit with a text of one file replaced."""
    text = git(root, "show", f"HEAD:{file}").replace(old, new) + "\n"
    index.with_suffix(".text").write_text(text, encoding="utf-8")
    blob = git(root, "hash-object", "-w", str(index.with_suffix(".text")))
    git(root, "read-tree", "HEAD", GIT_INDEX_FILE=str(index))
    git(root, "update-index", "--cacheinfo", f"100644,{blob},{file}", GIT_INDEX_FILE=str(index))
    return git(root, "write-tree", GIT_INDEX_FILE=str(index))


def _show(root: Path, github: Sandbox, head: Pushed) -> str:
    """Open the pull request, and show the head of the comment that it gets; how experiment.yml ended."""
    number, finished = open_pull_request(github, head, without=CHECKS)
    text = str(github.api.comments(number)[0]["body"])
    path = root / "experiment/demo" / f"{head.branch}.md"
    save(path, text.encode())
    for one in finished:
        console.say(
            f"{one.workflow}: {one.outcome.conclusion}, {sum(step.seconds for step in one.outcome.steps):.0f} s"
        )
    console.say("The comment:\n")
    console.show(text.split("<details>")[0])
    console.say(f"The full comment: {path.relative_to(root)}")
    return finished[0].outcome.conclusion


if __name__ == "__main__":
    sys.exit(main())
