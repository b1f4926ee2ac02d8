"""A pull request on this machine: train the head on a sample, and let the base's judge say what that is worth.

Both are trained; then the base's code, in a process and a tree of its own, compares. What a change runs here it runs as
you: on main's machines it never meets the judge (docs/decisions.md).
"""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from mlops import trees, workspace
from mlops.console import Say
from mlops.contract import BadInput, decode
from mlops.judging import gate, submission, trial
from mlops.judging.record import Comparison
from mlops.judging.trial import BASE, SCRATCH, Case, step
from mlops.workspace import Workspace, git


def default_base(root: Path) -> str:
    """Main: the remote's, where there is one."""
    known = git(root, "for-each-ref", "--format=%(refname:short)", "refs/remotes/origin/main", "refs/heads/main")
    if not known:
        raise BadInput("there is no branch called main; say what to compare with: `--base REV`")
    return known.splitlines()[-1]


def case(
    root: Path, base: str, sample_rows: int | None = None, accept_incomparable: bool = False, head: str | None = None
) -> Case:
    """What to compare with the commit `base`: the commit `head`, or else what is at `root`, uncommitted included.

    Data that was changed but not yet `dvc add`ed counts as the head's, too.
    """
    base = git(root, "rev-parse", "--verify", f"{base}^{{commit}}")
    commit = git(root, "rev-parse", "--verify", f"{head or 'HEAD'}^{{commit}}")
    status = None if head or not (root / "data").is_dir() else _data_status(root)
    tree = head or workspace.snapshot(root)
    if status and status.wait():
        tree = _with_data(root, tree)
    return Case(root, git(root, "merge-base", commit, base), commit, tree, sample_rows, accept_incomparable)


def warm(case: Case, say: Say) -> None:
    """Train the base alone, as the judge would, so that it is there when pull requests come."""
    trial.train(Workspace.keep(case.root, case.base, case.root / BASE), case, say)


def submit(case: Case, say: Say) -> None:
    """Train the head, and put what it hands in into a folder; nothing where no byte that reaches the model changed.

    Raises
    ------
    Failed
        It could not be trained.
    """
    if trial.moved(case):
        _submit(case, Workspace.lay(case.root, case.tree, case.root / SCRATCH / "head"), say)


def run(case: Case, say: Say) -> Comparison:
    """Compare.

    Raises
    ------
    Failed
        A side could not be trained; says which, and why.
    """
    if not trial.moved(case):
        return gate.without_training("unchanged", trial.facts_of(case), [])
    head = Workspace.lay(case.root, case.tree, case.root / SCRATCH / "head")
    base = Workspace.keep(case.root, case.base, case.root / BASE)
    for side in (head, base):
        trial.set_sample(side, base.params()["judge"], case.sample_rows)
        step(side.name, partial(side.bring, "validate", partial(say, side.name)))
    with ThreadPoolExecutor(2) as pool:
        for trained in [pool.submit(_submit, case, head, say), pool.submit(trial.train, base, case, say)]:
            trained.result()
    say("judge", "compare")
    court = Workspace.lay(case.root, case.base, case.root / SCRATCH / "judge")
    found = case.root / SCRATCH / "comparison.json"
    words = [case.root, case.base, case.head, case.tree, case.root / submission.FOLDER, found]
    options = [f"--sample={case.sample_rows}"] if case.sample_rows else []
    options += ["--accept-incomparable"] if case.accept_incomparable else []
    command = ["python", "-m", "pipelines.judge", *map(str, words), *options]
    step("judge", lambda: court.run(command, court.environment()))
    return decode(Comparison, found.read_bytes(), "comparison.json")


def _submit(case: Case, head: Workspace, say: Say) -> None:
    trial.set_sample(head, trial.params_of(case.root, case.base, "base")["judge"], case.sample_rows)
    trial.reproduce(head, "train", say)
    submission.gather(head.folder, case.root / submission.FOLDER)


def _data_status(root: Path) -> "subprocess.Popen[bytes]":
    """DVC's, which ends with 1 where data/ isn't what data.dvc says; it takes a second, in which others can work."""
    return subprocess.Popen(["dvc", "status", "--quiet", "data.dvc"], cwd=root, stderr=subprocess.DEVNULL)


def _with_data(root: Path, tree: str) -> str:
    """The tree with a data.dvc for data/ as it is."""
    laid = Workspace.lay(root, tree, root / SCRATCH / "data")
    shutil.copytree(root / "data", laid.folder / "data", dirs_exist_ok=True)
    step("head", lambda: laid.run(["dvc", "commit", "--quiet", "--force", "data.dvc"], laid.environment()))
    return trees.changed(root, tree, {"data.dvc": trees.blob(root, (laid.folder / "data.dvc").read_text("utf-8"))})
