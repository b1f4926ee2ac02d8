"""A pull request on this machine: train both sides on the same sample, let the base's judge compare them."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from mlops import fingerprint, workspace
from mlops.contract import BadInput, decode, save
from mlops.judging import changes, gate
from mlops.judging.record import Changes, Comparison, Facts, Side
from mlops.workspace import StepFailed, Workspace, git

SCRATCH = ".dvc/tmp/experiment"
BASE = ".dvc/cache/experiment/base"  # in the folder that the workflows keep
Say = Callable[[str, str], None]
T = TypeVar("T")


class Failed(Exception):
    """One side (`base`, `head` or `judge`) could not be trained or judged."""

    def __init__(self, side: str, reason: str) -> None:
        super().__init__(f"{side}: {reason}")
        self.side, self.reason = side, reason


@dataclass(frozen=True)
class Request:
    """What to compare with the commit `base`: the commit `head`, or else what is at `root`, uncommitted included."""

    root: Path
    base: str
    sample_rows: int | None = None
    accept_incomparable: bool = False
    head: str | None = None


def default_base(root: Path) -> str:
    """Main: the remote's, where there is one."""
    known = git(root, "for-each-ref", "--format=%(refname:short)", "refs/remotes/origin/main", "refs/heads/main")
    if not known:
        raise BadInput("there is no branch called main; say what to compare with: `--base REV`")
    return known.splitlines()[-1]


def warm(request: Request, say: Say) -> None:
    """Train the base alone, as `run` would, so that DVC's cache has it when pull requests come."""
    base = Workspace.keep(request.root, _merge_base(request), request.root / BASE)
    _set_sample(base, base.params()["judge"], request)
    _reproduce(base, "train", say)


def run(request: Request, say: Say) -> Comparison:
    """Compare.

    Raises
    ------
    Failed
        A side could not be trained; says which, and why.
    """
    root, scratch = request.root, request.root / SCRATCH
    status = None if request.head or not (root / "data").is_dir() else _data_status(root)
    base_id = _merge_base(request)
    head_tree = request.head or workspace.snapshot(root)
    base = Workspace.keep(root, base_id, root / BASE)
    head = Workspace.lay(root, head_tree, scratch / "head")
    facts = facts_of(request, base_id, head_tree, base, head)
    if status and status.wait():
        _take_data(head)
        facts = msgspec.structs.replace(facts, head=msgspec.structs.replace(facts.head, dirty=True))
    before, after = (fingerprint.of(side.folder, "train") for side in (base, head))
    if before == after:
        return gate.without_training("unchanged", facts, [])
    environment = _step("base", base.environment)
    with base.waiting("pipelines.compare", environment) as compare:  # what it imports is there once the sides are
        _train(base, head, request, say)
        moved = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        test = _test_rows(base, head, moved, say)
        if "data" not in moved and test.read_bytes() != (base.folder / "artifacts/test.parquet").read_bytes():
            facts = _flagged(facts, "test rows: other ones than the base's, although data.dvc is the same")
        save(scratch / "facts.json", msgspec.structs.replace(facts, released=_released(root, test)))
        say("judge", "compare")
        _step("judge", lambda: compare(base.folder, head.folder, test, scratch))
    return decode(Comparison, (scratch / "comparison.json").read_bytes(), "comparison.json")


def _flagged(facts: Facts, what: str) -> Facts:
    more = msgspec.structs.replace(facts.changes, flagged=[what, *facts.changes.flagged][:200])
    return msgspec.structs.replace(facts, changes=more)


def _train(base: Workspace, head: Workspace, request: Request, say: Say) -> None:
    """Train both sides at once, on samples of the share that fits the head."""
    limits = base.params()["judge"]
    for side in (base, head):
        _set_sample(side, limits, request)
    for side in (head, base):
        _step(side.name, partial(side.bring, "validate", partial(say, side.name)))
    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(_reproduce, side, "train", say) for side in (head, base)]:
            job.result()
    wanted = _sample(head)["halvings"]
    if _sample(base)["halvings"] != wanted:  # the data grew or shrank across a power of two
        base.set_params("prepare", sample_rows=-(-_sample(base)["of"] // 2**wanted))
        _reproduce(base, "train", say)


def _set_sample(side: Workspace, limits: dict[str, Any], request: Request) -> None:
    side.set_params("prepare", sample_rows=request.sample_rows or limits["sample_rows"], samples=limits["trainings"])


def _sample(side: Workspace) -> dict[str, int]:
    """From how many training rows the side's samples were taken, and how often these were halved."""
    import pyarrow.parquet as pq

    metadata = pq.read_schema(side.folder / "artifacts/train.parquet").metadata
    sample: dict[str, int] = json.loads(metadata[b"PANDAS_ATTRS"])["sample"]
    return sample


def _test_rows(base: Workspace, head: Workspace, moved: set[str], say: Say) -> Path:
    """The head's test rows as the base splits them: from the head's own run, unless it changed how that is done."""
    if not any("prepare" in name or name.startswith(("src/mlops/", "pipelines/")) for name in moved):
        return head.folder / "artifacts/test.parquet"
    neutral = Workspace.lay(base.root, base.tree, base.root / SCRATCH / "neutral")
    for path in ("data.dvc", "src/problem/schema.py"):
        shutil.copy2(head.folder / path, neutral.folder / path)
    _step("head", lambda: neutral.reproduce("prepare", lambda stage: say("test", stage)))
    return neutral.folder / "artifacts/test.parquet"


def _released(root: Path, test: Path) -> int:
    """How many released versions were tested on exactly these rows."""
    with test.open("rb") as file:
        wanted = hashlib.file_digest(file, "md5").hexdigest()
    return sum(_locked_test(root, tag) == wanted for tag in git(root, "tag", "--list", "model@v*").splitlines())


def _locked_test(root: Path, tag: str) -> str | None:
    try:
        stages: dict[str, Any] = yaml.safe_load(git(root, "show", f"{tag}:dvc.lock"))["stages"]
    except BadInput:
        return None
    outs = [out for stage in stages.values() for out in stage.get("outs", ())]
    return next((out["md5"] for out in outs if out["path"] == "artifacts/test.parquet"), None)


def _merge_base(request: Request) -> str:
    base = git(request.root, "rev-parse", "--verify", f"{request.base}^{{commit}}")
    return git(request.root, "merge-base", request.head or "HEAD", base)


def _data_status(root: Path) -> "subprocess.Popen[bytes]":
    """DVC's, which ends with 1 where data/ isn't what data.dvc says; it takes a second, in which others can work."""
    return subprocess.Popen(["dvc", "status", "--quiet", "data.dvc"], cwd=root, stderr=subprocess.DEVNULL)


def _reproduce(side: Workspace, stage: str, say: Say) -> None:
    _step(side.name, lambda: side.reproduce(stage, lambda started: say(side.name, started)))


def _step(name: str, action: Callable[[], T]) -> T:
    try:
        return action()
    except StepFailed as error:
        raise Failed(name, str(error)) from None


def _take_data(head: Workspace) -> None:
    """Data that was changed but not yet `dvc add`ed counts as the head's, too."""
    shutil.copytree(head.root / "data", head.folder / "data", dirs_exist_ok=True)
    _step("head", lambda: head.run(["dvc", "commit", "--quiet", "--force", "data.dvc"], head.environment()))


def facts_of(request: Request, base_id: str, head_tree: str, base: Workspace, head: Workspace) -> Facts:
    """What git tells of both sides and of what changed between them."""
    root = request.root
    head_id, *subjects = git(root, "log", "-1", "--format=%H%n%s", request.head or "HEAD").splitlines()
    base_subject = git(root, "log", "-1", "--format=%s", base_id)
    listed = git(root, "diff", "--numstat", "-z", "--no-renames", base_id, head_tree).split("\0")
    numbers = [line.split("\t", 2) for line in listed if line]
    params = changes.params(base.params(), head.params())
    flagged = changes.touching((path for _, _, path in numbers), params)
    return Facts(
        base=Side(commit=base_id, subject=base_subject[:500]),
        head=Side(
            commit=head_id,
            subject=" ".join(subjects)[:500],
            dirty=len(set(git(root, "rev-parse", f"{head_id}^{{tree}}", f"{head_tree}^{{tree}}").split())) > 1,
        ),
        changes=Changes(
            flagged=flagged[:200],
            files=[f"{path} (+{added} -{removed})"[:500] for added, removed, path in numbers][:500],
            params=params,
        ),
        accept_incomparable=request.accept_incomparable,
    )
