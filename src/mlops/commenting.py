"""One comment a pull request, updated in place: by CML where it can, else through the API under the same watermark."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.judging import publishing

if TYPE_CHECKING:
    from github.PullRequest import PullRequest

Install = subprocess.Popen[str]

BOT = "github-actions[bot]"
CML_READS = 30  # CML 0.20.6 looks for its comment among the first 30 only, and would add a second one


@contextmanager
def install(cml: Path) -> Iterator[Install | None]:
    """Install what a checkout of iterative/cml needs while the block runs; None where there is no checkout.

    Nobody's code runs, and npm isn't told the job's token.
    """
    if not (cml / "bin/cml.js").exists():
        yield None
        return
    command = ["npm", "ci", "--ignore-scripts", "--omit=dev", "--silent", "--prefix", str(cml)]
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_TOKEN"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        yield process


def post(pull: "PullRequest", report: Path, cml: Path, installed: Install | None) -> str:
    """Create or update the comment; its address.

    Parameters
    ----------
    report
        Markdown file with the comment's text.
    cml
        Folder with a checkout of iterative/cml, which `installed` makes ready; where it is missing or fails, the API
        does.
    """
    comments = list(pull.get_issue_comments())
    marked = [i for i, comment in enumerate(comments) if publishing.is_marked(comment.body or "")]
    place = next((i for i in marked if comments[i].user.login == BOT), None)
    forged = [i for i in marked if comments[i].user.login != BOT]  # CML would write into a stranger's comment
    if not forged and (place is None or place < CML_READS):
        url = _by_cml(pull, report, cml, installed)
        if url:
            return url
    body = publishing.watermarked(report.read_text(encoding="utf-8"), pull.head.sha)
    if place is None:
        return pull.create_issue_comment(body).html_url
    comments[place].edit(body)
    return comments[place].html_url


def _by_cml(pull: "PullRequest", report: Path, cml: Path, installed: Install | None) -> str | None:
    """The comment's address, or None where CML isn't there or refuses."""
    if installed is None:
        print("CML isn't there: commenting through the API", file=sys.stderr)
        return None
    said, _ = installed.communicate() if installed.returncode is None else ("as before", "")
    if installed.returncode:
        print(f"npm ci: {said}\ncommenting through the API", file=sys.stderr)
        return None
    command = [
        "node", str(cml / "bin/cml.js"), "comment", "update", f"--repo={pull.base.repo.html_url}",
        f"--target=pr/{pull.number}", "--publish=false", f"--watermark-title={publishing.TITLE}", str(report),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "ITERATIVE_DO_NOT_TRACK": "true"}
    )
    if done.returncode:
        print(f"cml: {done.stderr or done.stdout}\ncommenting through the API", file=sys.stderr)
        return None
    return done.stdout.strip().splitlines()[-1]
