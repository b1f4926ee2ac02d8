"""What a pull request handed in, made again after the merge, as it proves nothing about the code that made it."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from github.PullRequest import PullRequest

from mlops import confined, fingerprint
from mlops.artifact import TOLERANCE, Model, Predictions
from mlops.console import Say
from mlops.contract import BadInput
from mlops.hub import Hub
from mlops.judging import trial
from mlops.judging.publishing import STATUS
from mlops.judging.submission import MOST_BYTES, Learnt, Submission, gather, unpack
from mlops.judging.trial import FULL
from mlops.workspace import StepFailed, Workspace, git

SCRATCH = ".dvc/tmp/spot"


def of(root: Path, hub: Hub | None, pull: PullRequest | None, say: Say) -> str:
    """`check` for HEAD, which is what `pull` was merged as; why not, where there is nothing to check."""
    run = hub.judged_run(pull.head.sha, STATUS) if hub and pull else None
    try:
        uploaded = hub.artifact(run, "submission", MOST_BYTES, root / SCRATCH) if hub and run else None
    except BadInput as error:
        raise StepFailed(str(error)) from None
    if not (hub and pull and uploaded):
        return "nothing was handed in for it that is still there: not made again"
    shutil.rmtree(root / SCRATCH / "given", ignore_errors=True)
    unpack(uploaded, root / SCRATCH / "given")
    hub.fetch(root, pull.head.sha)
    full = FULL in (label.name for label in pull.labels)
    return check(root, git(root, "rev-parse", "HEAD"), pull.head.sha, root / SCRATCH / "given", full, say)


def check(root: Path, commit: str, judged: str, folder: Path, full: bool, say: Say) -> str:
    """Train the commit on the sample that was judged; what came of the comparison with `folder`, in words.

    Parameters
    ----------
    commit, judged
        What was merged, and the pull request's head, which was judged; both are in the repository.
    folder
        The submission.
    full
        Was it trained on all rows?

    Raises
    ------
    BadInput
        What was handed in isn't what this code makes: another model, schema, or other rows.
    """
    if fingerprint.of(root, commit, "train") != fingerprint.of(root, judged, "train"):
        return "not made again, as main isn't what was judged: let rulesets ask for branches that are up to date"
    given, side = Submission.load(folder), Workspace.lay(root, commit, root / SCRATCH / "tree")
    base = git(root, "merge-base", judged, f"{commit}^")
    trial.set_sample(side, trial.params_of(root, base, "base")["judge"], sys.maxsize if full else None)
    side.reproduce_anew("prepare", lambda stage: say("spot check", stage))
    learnt = Learnt.of(side.folder / "artifacts", given.info.schema)  # before any code of the model runs
    side.reproduce_anew("train", lambda stage: say("spot check", stage), alone=True)
    gather(side.folder, root / SCRATCH / "made")
    made = Submission.load(root / SCRATCH / "made")
    wrong = [] if given.learnt.same(learnt) else ["which rows it learnt from"]
    wrong += [] if given.info.schema == made.info.schema else ["the schema of its model.json"]
    wrong += [] if len(given.graphs) == len(made.graphs) else ["how many models it has"]
    if wrong:
        raise BadInput(f"what the pull request handed in isn't what its code makes: {', '.join(wrong)}")
    number = int(commit, 16) % len(given.graphs)
    if given.graphs[number] != made.graphs[number]:
        rows = pd.read_parquet(side.folder / "artifacts/test.parquet")
        with confined.models([given.graphs[number]], given.info, "head", confined.Limits()) as (model,):
            _same(Model(made.graphs[number], made.info).predict(rows), model.predict(rows), number)
    return f"training {number} of the {len(given.graphs)} that were judged, made again: the same predictions"


def _same(made: Predictions, given: Predictions, number: int) -> None:
    worst = float(np.abs(made - given).max()) if made.shape == given.shape else np.inf
    if not worst <= TOLERANCE * max(1.0, float(np.abs(made).max())):
        raise BadInput(
            f"training {number} that the pull request handed in isn't what its code trains: predictions differ by "
            f"{worst:.2g}, more than {TOLERANCE:g}. So what was judged is another model than what was merged"
        )
