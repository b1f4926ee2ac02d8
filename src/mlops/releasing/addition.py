"""New data as a commit of its own upon main, on the branch `retrain`: made in a scratch tree, so that work tree, index
and branch of whoever asks stay as they are.

The branch is made anew each time. Its commits carry the ids of the files that they change, by which those that a person
made or changed are known, and left alone. GitHub's buttons may rebase them.
"""

from pathlib import Path

from mlops.contract import BadInput, save
from mlops.judging import experiment
from mlops.releasing import commits, storage
from mlops.workspace import Workspace, git

BRANCH = "retrain"
REF = f"refs/heads/{BRANCH}"
SCRATCH = ".dvc/tmp/retrain"
MARK = "Retrain-Files"
CHANGED = ("data.dvc", ".dvc/config")


def start(root: Path, remote: bool) -> Workspace:
    """Main's tree with its data in a scratch folder; with `remote` as the origin has it now, else as it is here."""
    if remote:
        git(root, "fetch", "--quiet", "origin")
    storage.pull(root, fetch=remote)
    base = git(root, "rev-parse", f"{experiment.default_base(root)}^{{commit}}")
    laid = Workspace.lay(root, base, root / SCRATCH / "tree")
    laid.pull()
    return laid


def tip(laid: Workspace, remote: bool) -> str:
    """The commit that the branch is at, empty where there is no branch.

    Raises
    ------
    BadInput
        Somebody's own commits are on it, and would be lost.
    """
    root = laid.root
    found = git(root, "for-each-ref", "--format=%(objectname)", REF)
    if remote:
        found = git(root, "ls-remote", "origin", REF).partition("\t")[0]
        git(root, "fetch", "--quiet", "--no-tags", "origin", *([REF] if found else []))
    form = f"%H%x09%(trailers:key={MARK},valueonly,separator=%x2C)%x09%h %s (%an)"
    lines = git(root, "log", "--no-merges", f"--format={form}", f"{laid.tree}..{found}").splitlines() if found else []
    for made, marked, told in (line.split("\t", 2) for line in lines):
        changed = git(root, "diff-tree", "--no-commit-id", "--name-only", "-r", made).splitlines()
        if not {*changed} <= {*CHANGED} or marked != _files(root, made):
            raise BadInput(
                f"the branch {BRANCH} holds the commit {told}, which isn't this program's: nothing was changed; "
                "merge the branch, or delete it, and start again"
            )
    return found


def add(laid: Workspace, name: str, content: bytes) -> None:
    """Put a partition among the data, checked as stage `validate` does, and let data.dvc own it.

    Raises
    ------
    mlops.workspace.StepFailed
        It was refused: file, column, rule, values, remedy.
    """
    save(laid.folder / "data" / name, content)
    environment = laid.environment()
    laid.run(["python", "-m", "pipelines.validate"], environment)
    laid.run(["dvc", "add", "--quiet", "data"], environment)
    if not storage.settle(laid.folder):
        (laid.folder / "dvc.lock").unlink(missing_ok=True)  # its outputs are there, or their author's to push


def commit(laid: Workspace, title: str) -> str:
    """The commit of what was added, on no branch yet; its id."""
    made = commits.tree(laid, CHANGED)
    return commits.child(laid.root, laid.tree, made, f"{title}\n\n{MARK}: {_files(laid.root, made)}")


def _files(root: Path, tree: str) -> str:
    """Ids of the files of a commit or tree that are this program's to change."""
    return " ".join(line.split()[2] for line in git(root, "ls-tree", tree, *CHANGED).splitlines())


def is_there(root: Path, made: str, found: str) -> bool:
    """Is a commit of this content upon this main at the tip `found` already?"""
    one, other = (git(root, "log", "-1", "--format=%T %P", commit) if commit else "" for commit in (made, found))
    return one == other


def keep(root: Path, made: str) -> None:
    """Put the branch of this repository at the commit."""
    git(root, "branch", "--force", "--no-track", BRANCH, made)


def push(laid: Workspace, made: str, found: str) -> None:
    """Send the data to the storage, then the branch to the origin, if it is still at `found`."""
    storage.send(laid.root, laid.folder)
    lease = f"--force-with-lease={REF}:{found}"
    git(laid.root, "push", "--quiet", "--no-verify", lease, "origin", f"{made}:{REF}")
