"""Judge what a finished run of experiment.yml handed in, as its pull request asks.

Not a stage: runs in report.yml on main's code; reads GITHUB_EVENT_PATH and the run's artifact `submission`, writes
experiment/comparison.json. Ends with 0 where there is no verdict, too: report.yml says why.
"""

import json
import os
import sys
import traceback
from pathlib import Path

from mlops import console, params, pointers
from mlops.contract import BadInput, save
from mlops.cost import Reused
from mlops.hub import Hub, Judged
from mlops.judging import submission, trial
from mlops.judging.record import Comparison, Failure
from mlops.workspace import git

MOST_DATA = 50_000_000_000  # bytes that come from the job `fetch`


def main(root: Path) -> None:
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["workflow_run"]
    hub = Hub.connect()
    said = Reused(lambda side, step: console.say(f"{side}: {step}"))
    found: Comparison | Failure
    try:
        found = judge(root, hub, hub.judged(event), said)
    except (trial.Failed, BadInput) as error:
        found = Failure(version=1, failed=str(error)[:4000])
    except Exception as error:  # whatever a submission makes of us: a stale report would be worse
        traceback.print_exc()
        found = Failure(version=1, failed=f"{type(error).__name__}: {error}"[:4000])
    save(root / "experiment/comparison.json", found)
    told = f"failed: {found.failed}" if isinstance(found, Failure) else f"{found.verdict}: {found.decision.reasons[0]}"
    console.summary(told, str(said))
    console.say(told)


def judge(root: Path, hub: Hub, asked: Judged, say: console.Say) -> Comparison:
    folder = root / submission.FOLDER
    hub.fetch(root, asked.sha)
    base, rows = git(root, "merge-base", asked.sha, "HEAD"), sys.maxsize if trial.FULL in asked.labels else None
    case = trial.Case(root, base, asked.sha, asked.sha, rows, trial.ACCEPT in asked.labels)
    if fetched := hub.artifact(hub.run, "data", MOST_DATA, folder.parent):
        pointers.unpack(fetched, root / ".dvc/cache")
    if uploaded := hub.artifact(asked.run, "submission", submission.MOST_BYTES, folder.parent):
        submission.unpack(uploaded, folder)
    return trial.run(case, folder, say, params.load(root).judge)


if __name__ == "__main__":
    main(Path().resolve())
