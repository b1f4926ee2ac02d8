"""Bring the data of a pull request and of its base from a cloud, for a judge that may not log in there.

Not a stage: runs in report.yml on main's code; reads GITHUB_EVENT_PATH, and of the pull request path and MD5 in its
data.dvc alone; writes what .dvc/cache lacks to experiment/data/.
"""

import json
import os
from pathlib import Path

from mlops import console, pointers, trees
from mlops.contract import BadInput, save
from mlops.hub import Hub
from mlops.objects import Objects
from mlops.workspace import git

PUBLIC = (
    "anybody could download what this job brings, as the repository is public: if everybody may have the data, set the "
    "repository's variable DATA_IS_PUBLIC to true"
)


def main(root: Path) -> None:
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["workflow_run"]
    hub = Hub.connect()
    if not hub.repository.private and os.environ.get("DATA_IS_PUBLIC") != "true":
        console.say(PUBLIC)
        return
    try:
        sha = hub.judged(event).sha
        hub.fetch(root, sha)
        for commit in (git(root, "merge-base", sha, "HEAD"), sha):
            bring(root, commit)
    except BadInput as error:
        console.say(f"{error}: the judge will say so")


def bring(root: Path, commit: str) -> None:
    objects, cache = Objects(root, "HEAD"), [root / ".dvc/cache"]
    folder = pointers.of_folder(trees.contents(root, commit, ["data.dvc"]).get("data.dvc", b""), "data")
    known = pointers.locate(folder, cache)
    listing = known.read_bytes() if known else objects.get(folder)
    wanted = {folder: listing} | dict.fromkeys(pointers.entries(listing, "data").values())
    for md5, content in wanted.items():
        if not pointers.locate(md5, cache):
            save(root / "experiment/data" / md5, content or objects.get(md5))


if __name__ == "__main__":
    main(Path().resolve())
