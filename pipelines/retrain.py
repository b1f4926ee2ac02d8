"""Add production's labelled rows to the data: a commit on the branch `retrain`, and its one pull request with --push.

Not a stage (reads the store, tags and the clock): STORE_URL -> the branch, the storage, the pull request. Works upon
main, whatever the work tree holds, and makes the branch anew each time.
Exit status: 0 done, nothing new, or not configured; 1 refused or failed, and said why.
"""

import argparse
import os
import sys
from datetime import date
from functools import partial
from pathlib import Path

from mlops import console, params, retraining
from mlops.hub import Hub
from mlops.releasing import storage
from mlops.retraining import Request
from mlops.store import Store
from mlops.workspace import StepFailed
from pipelines.monitor import HOW, baseline
from problem.schema import SCHEMA


def main(options: argparse.Namespace, root: Path) -> int:
    url, hub = os.environ.get("STORE_URL"), Hub.of_job()
    waits = hub is not None and not os.environ.get("RETRAIN_APP_ID")
    request = Request(root, SCHEMA, params.load(root), **vars(options), hub=hub, waits=waits)
    try:
        with console.progress() as say:
            said = retraining.run(request, Store.connect(url), partial(baseline, root), say) if url else HOW
    except StepFailed as error:
        console.fail(str(error))
        return 1
    console.tell("\n\n".join(filter(None, (said, storage.outgrown(root)))))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="retrain", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--until", type=date.fromisoformat, metavar="YYYY-MM-DD", help="last day; default: newest")
    parser.add_argument("--days", type=int, help="days that the evidence is of; default: all that are taken")
    parser.add_argument("--reason", default="", help="stands in the pull request")
    parser.add_argument("--push", action="store_true", help="send data and branch to origin, and open the pull request")
    sys.exit(main(parser.parse_args(), Path().resolve()))
