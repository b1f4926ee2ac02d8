"""Write the report of a finished experiment into the pull request's one comment.

Not a stage: runs in report.yml on main's code; reads GITHUB_EVENT_PATH and the run's artifact.
"""

import json
import os
from pathlib import Path

from mlops import commenting
from mlops.contract import save
from mlops.judging import publishing


def main(root: Path = Path()) -> None:
    cml, report = root / ".tools/cml", root / "experiment/report.md"
    with commenting.install(cml) as installed:
        from mlops.hub import Hub  # GitHub's client takes its time to be imported, as npm does beside it

        event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["workflow_run"]
        hub = Hub.connect()
        pull = hub.pull_request_of(event)
        if pull is None:
            print(f"{event['head_sha']} is no longer the head of an open pull request: nothing to say")
            return
        fork = event["head_repository"]["full_name"] != os.environ["GITHUB_REPOSITORY"]
        run = publishing.Run(event["html_url"], event["conclusion"] or "unknown", event["head_sha"], fork)
        files = [file.filename for file in pull.get_files()]
        text = publishing.compose(run, hub.artifact(event["id"], "comparison", publishing.MOST_BYTES), files)
        save(report, text.encode())
        print(commenting.post(pull, report, cml, installed))


if __name__ == "__main__":
    main()
