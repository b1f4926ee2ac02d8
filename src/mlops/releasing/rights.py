"""What a job's own token may not push, said before anything is pushed.

GitHub lets GITHUB_TOKEN push no ref to a commit whose workflow files are those of no branch, even where the commit is
there already. A deploy key and a person may.

References
----------
docs.github.com: Scopes for OAuth apps, `workflow`; github.com/actions/checkout/issues/1421.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from mlops.contract import BadInput
from mlops.releasing import signing
from mlops.workspace import git

WORKFLOWS = ".github/workflows"
PROMOTE = "`nox -s promote` on a laptop"
KEY = "`nox -s settings -- --apply` makes a deploy key, which may; where an organisation forbids those, "


def check(
    root: Path, commits: Iterable[str], remote: str | None, instead: str = "`nox -s promote` on a laptop"
) -> None:
    """Refuse where this is a job without a deploy key, and GitHub would refuse a ref to one of these commits.

    Parameters
    ----------
    commits
        Of the tags that are to be pushed; `remote`'s branches were fetched.
    instead
        What a person can do where there may be no key.

    Raises
    ------
    BadInput
        Names the commit and the ways that are left.
    """
    if remote is None or "GITHUB_ACTIONS" not in os.environ or os.environ.get(signing.KEY, "").strip():
        return
    tips = git(root, "for-each-ref", "--format=%(objectname)", f"refs/remotes/{remote}").split()
    known = {_workflows(root, tip) for tip in tips}
    strange = [commit for commit in commits if _workflows(root, commit) not in {"", *known}]
    if strange:
        raise BadInput(
            f"nothing was pushed: no branch has the workflow files of {strange[0][:12]} any more, and then GitHub lets "
            f"a job's own token push no tag to it. {KEY}{instead}"
        )


def _workflows(root: Path, commit: str) -> str:
    """Which workflow files a commit has, empty where it has none."""
    return "".join(git(root, "ls-tree", commit, WORKFLOWS).split()[2:3])
