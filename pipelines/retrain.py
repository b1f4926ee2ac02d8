"""Add production's labelled rows to the data: a commit on the branch `retrain`, and its one pull request with --push.

Not a stage (reads the store, tags and the clock): STORE_URL -> the branch, the storage, the pull request. Works upon
main, whatever the work tree holds, and makes the branch anew each time.
Exit status: 0 done, nothing new, or not configured; 1 refused or failed, and said why.
"""

import argparse
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from mlops import console, params, retraining
from mlops.hub import Hub
from mlops.releasing import addition
from mlops.retraining import Added, Asked
from mlops.store import Store
from mlops.watching import alerts, check, proposal
from mlops.watching.record import Monitor
from mlops.workspace import StepFailed
from pipelines.monitor import HOW, SCRATCH, baseline
from problem.schema import SCHEMA


def main(options: argparse.Namespace, root: Path) -> int:
    url = os.environ.get("STORE_URL")
    try:
        said = retrain(options, root, Store.connect(url)) if url else HOW
    except StepFailed as error:
        console.fail(str(error))
        return 1
    console.summary(f"{said}\n")
    console.say(said)
    return 0


def retrain(options: argparse.Namespace, root: Path, store: Store) -> str:
    """Do it, and say what was done."""
    limits, hub = params.load(root), Hub.of_job()
    if options.push:
        retraining.may_leave(root, hub, limits.retrain.publish)
    laid = addition.start(root, options.push)
    found = addition.tip(laid, options.push)
    added = retraining.add(laid, store, Asked(SCHEMA, limits.retrain, datetime.now(UTC), options.until))
    if isinstance(added, str):
        return added
    made = addition.commit(laid, proposal.title(added.taken))
    if addition.is_there(root, made, found) and (not hub or hub.open_pull_request(addition.BRANCH)):
        return f"nothing new: the branch {addition.BRANCH} holds all of it already"
    with console.progress() as say:
        compared = retraining.compare(laid, made, say)
    seen = evidence(root, store, limits, added, options.days)
    waits = hub is not None and not os.environ.get("RETRAIN_APP_ID")
    opened = proposal.Proposal(added.taken, added.file, seen, compared, options.reason, waits)
    if not options.push:
        addition.keep(root, made)
        return f"{opened.body}\nThe branch {addition.BRANCH} holds it: look, then `nox -s retrain -- --push`"
    addition.push(laid, made, found)
    return hub.propose(addition.BRANCH, opened.title, opened.body) if hub else f"{addition.BRANCH} is pushed"


def evidence(root: Path, store: Store, limits: params.Params, added: Added, days: int | None) -> Monitor:
    """What the monitor says of the days that were taken, or of the newest of them."""
    taken = added.taken.days
    chosen = msgspec.structs.replace(limits.monitor, days=days or (taken[-1] - taken[0]).days + 1)
    owner = alerts.owner(limits.monitor.owner, root / ".github/CODEOWNERS")
    asked = check.Question(chosen, owner, datetime.now(UTC), taken[-1])
    return check.run(store, lambda version: baseline(root, version), asked, root / SCRATCH)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="retrain", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--until", type=date.fromisoformat, metavar="YYYY-MM-DD", help="last day taken; default: newest"
    )
    parser.add_argument("--days", type=int, help="days that the evidence is of; default: all that are taken")
    parser.add_argument("--reason", default="", help="stands in the pull request")
    parser.add_argument("--push", action="store_true", help="send data and branch to origin, and open the pull request")
    sys.exit(main(parser.parse_args(), Path().resolve()))
