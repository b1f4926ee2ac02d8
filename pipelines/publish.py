"""Show what the judge found: in the pull request's one comment, and as the commit status `verdict`.

Not a stage: runs in report.yml on main's code; reads GITHUB_EVENT_PATH and the artifact `comparison` of this run.
"""

import json
import os
from pathlib import Path

from mlops import commenting, console
from mlops.contract import BadInput, save
from mlops.judging import publishing


def main(root: Path = Path()) -> None:
    cml, report = root / ".tools/cml", root / "experiment/report.md"
    with commenting.install(cml) as installed:
        from mlops.hub import Hub  # GitHub's client takes its time to be imported, as npm does beside it

        event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["workflow_run"]
        hub = Hub.connect()
        try:
            uploaded = hub.artifact(hub.run, "comparison", publishing.MOST_BYTES, report.parent)
        except BadInput as error:
            console.say(str(error))
            uploaded = None
        shown = publishing.compose(uploaded, hub.run_url)
        pulls = hub.pull_requests_of(event)
        if not pulls and event["event"] == "pull_request":
            console.say(f"{event['head_sha']} is no longer the head of an open pull request: nothing to say")
            return
        save(report, shown.text.encode())
        console.summary(shown.text)
        try:
            hub.set_status(event["head_sha"], publishing.STATUS, shown.state, shown.description, event["id"])
        finally:  # whatever GitHub has against the one, an old comment isn't left
            for pull in pulls:
                console.say(commenting.post(pull, report, cml, installed))


if __name__ == "__main__":
    main()
