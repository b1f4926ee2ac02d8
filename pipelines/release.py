"""Make a version of HEAD: train on all rows, compare with the champion, tag; tell the owner if it loses.

Not a stage (it reads tags): makes a release commit and its tag, pushed with --push. The merged pull request is
told, too, and the owner at ALERT_URLS.
Exit status: 0 there is a version or nothing to release, 1 the candidate lost, 2 failed.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from mlops import console, params, workspace
from mlops.contract import BadInput
from mlops.hub import Hub, approvers
from mlops.releasing import release, spot, storage


def main(root: Path, push: bool) -> int:
    hub = Hub.of_job()
    pull = hub.merged_as(workspace.git(root, "rev-parse", "HEAD")) if hub else None
    about = {"Run": hub.run_url} if hub else {}
    if pull:
        about |= {"Pull-Request": f"#{pull.number} by {pull.user.login}", "Approved-By": ", ".join(approvers(pull))}
    try:
        storage.pull(root)
        with console.progress() as say:
            remote, checked = "origin" if push else None, partial(spot.of, root, hub, pull, say)
            found = release.release(root, say, lambda tree: storage.send(root, tree), about, remote, checked)
    except (workspace.StepFailed, BadInput) as error:
        console.fail(str(error))
        return 2
    console.summary("\n\n".join(filter(None, (found.text, storage.outgrown(root)))))
    console.output("version", found.version or "")
    console.output("model", str(found.model or ""))
    told = found.text.split("\n<details>")[0]
    console.say(told)
    if found.refused and pull:
        pull.create_issue_comment(found.text)
    if found.refused:
        alert(root, told, about.get("Run", ""))
    return int(found.refused)


def alert(root: Path, told: str, page: str) -> None:
    """Tell the owner why nothing is deployed; `page` is where all of it can be seen."""
    from mlops.watching import alerts  # with what sends them, of which a candidate that wins has no need

    title, _, why = told.removeprefix("### ").partition("\n")
    owner = alerts.owner(params.load(root).monitor.owner, root / ".github/CODEOWNERS")
    lost = alerts.Alert("refused", title, "\n\n".join([why.strip(), page, f"Owner: {owner}."]))
    for line in alerts.deliver([lost], os.environ.get("ALERT_URLS", ""), "", None):
        console.fail(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--push", action="store_true", help="push the tag to origin")
    sys.exit(main(Path().resolve(), parser.parse_args().push))
