"""Show what GitHub would do with the work tree as a pull request: jobs, steps, the comment, the summary."""

import argparse
import sys
import tempfile
from pathlib import Path

from mlops import console
from mlops.judging import experiment
from mlops.objects import BRANCH
from mlops.workspace import git, snapshot
from rehearsal.act import Step
from rehearsal.runs import CML, Run
from rehearsal.sandbox import open_pull_request, sandbox


def main(root: Path, checks: bool, fork: bool, labels: list[str], cml: Path) -> int:
    base = git(root, "merge-base", "HEAD", experiment.default_base(root))
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder), cml, heard) as github:
        target = github.publish(root, base, "main")
        kept = git(
            root, "for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}", f"refs/remotes/origin/{BRANCH}"
        )
        if kept:  # data and models that are in git
            github.publish(root, kept.splitlines()[0], BRANCH)
        head = github.push(root, snapshot(root), "work-tree", target, fork)
        number, finished = open_pull_request(github, head, labels, [] if checks else ["checks.yml"])
        for one in finished:
            console.say(f"{one.workflow}: {one.outcome.conclusion} {one.outcome.jobs}")
            if one.outcome.summary:
                console.say(f"its summary: {one.outcome.summary.strip().splitlines()[0]} ...")
        console.say(f"branches and tags now: {git(github.origin, 'for-each-ref', '--format=%(refname:short)').split()}")
        for comment in github.api.comments(number):
            console.say("\nThe comment:\n")
            console.show(comment["body"])
        console.say(f"verdict: {github.api.verdict(number)}")
        accepted = github.api.verdict(number) == "success"
    return int(not accepted or any(failed(one) for one in finished))


def heard(step: Step) -> None:
    console.say(f"{step.seconds:6.1f} s  {step.result:8} {step.job}: {step.name}")


def failed(one: Run) -> bool:
    return one.outcome.conclusion != "success"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="rehearse", description=__doc__)
    parser.add_argument("event", choices=["pull-request"])
    parser.add_argument("--checks", action="store_true", help="run checks.yml, too")
    parser.add_argument("--fork", action="store_true", help="as if a stranger had opened it from a fork")
    parser.add_argument("--label", action="append", default=[], help="a label of the pull request")
    parser.add_argument("--cml", type=Path, default=CML, help="folder with a real CML")
    options = parser.parse_args()
    sys.exit(main(Path().resolve(), options.checks, options.fork, options.label, options.cml))
