"""Main's side of a pull request: what its submission is worth, on test rows that main's code split.

Of the head nothing is run: its files are read from git, its models are run confined, and so is what reads its data.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pandas as pd

from mlops import confined, fingerprint, pointers, trees
from mlops.artifact import read_info
from mlops.console import Say
from mlops.contract import BadInput, Partition, Schema, decode, encode, save
from mlops.judging import changes, gate, judge
from mlops.judging.record import Changes, Comparison, Facts, Side
from mlops.judging.sides import Trained
from mlops.judging.submission import KEYS, ROWS, Learnt, Submission
from mlops.params import Judge
from mlops.workspace import StepFailed, Workspace, git

SCRATCH = ".dvc/tmp/experiment"
BASE = ".dvc/cache/experiment/base"  # in the folder that the workflows keep
FULL, ACCEPT = "full-training", "accept-incomparable"  # labels
DATA, PARAMS, SCHEMA = "data.dvc", "params.yaml", "src/problem/schema.py"
GIVEN = """\
import msgspec
from mlops.contract import Schema

SCHEMA = msgspec.json.decode({!r}, type=Schema)
"""
T = TypeVar("T")


class Failed(Exception):
    """One side (`base`, `head` or `judge`) could not be trained or judged."""

    def __init__(self, side: str, reason: str) -> None:
        super().__init__(f"{side}: {reason}")
        self.side, self.reason = side, reason


@dataclass(frozen=True)
class Case:
    """What to compare with the commit `base`: the tree `tree`, which is that of the commit `head` or made upon it."""

    root: Path
    base: str
    head: str
    tree: str
    sample_rows: int | None = None
    accept_incomparable: bool = False


def moved(case: Case) -> set[str]:
    """Names of all that reaches the model and differs; see `mlops.fingerprint`."""
    before = fingerprint.of(case.root, case.base, "train")
    try:
        after = fingerprint.of(case.root, case.tree, "train")
    except BadInput as error:
        raise Failed("head", str(error)) from None
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def run(case: Case, folder: Path, say: Say, limits: Judge) -> Comparison:
    """Compare the submission in a folder with the base; without one, where no byte that reaches the model changed.

    The limits are main's; how large the samples are, the base says to both sides.

    Raises
    ------
    Failed
        A side could not be trained or judged; says which, and why.
    """
    facts = facts_of(case)
    step("head", lambda: _check_pointers(case))
    if not moved(case):
        return gate.without_training("unchanged", facts, [])
    given = step("head", lambda: Submission.load(folder))
    base = Workspace.keep(case.root, case.base, case.root / BASE)
    train(base, case, say)
    rows = _rows(case, base, given.info.schema, say)
    if sample(rows) != sample(base):  # the data grew or shrank across a power of two
        base.set_params("prepare", sample_rows=-(-sample(base)["of"] // 2 ** sample(rows)["halvings"]))
        reproduce(base, "train", say)
    step("base", lambda: base.verify("train"))
    say("judge", "compare")
    return step("judge", lambda: _compare(case, given, base, rows, facts, limits))


def train(base: Workspace, case: Case, say: Say) -> None:
    """Train the base on samples as the judge wants them."""
    set_sample(base, base.params()["judge"], case.sample_rows)
    reproduce(base, "train", say)


def set_sample(side: Workspace, limits: dict[str, Any], rows: int | None) -> None:
    """Let a side's trainings take `rows` rows each at most, or what the limits of the judge say."""
    side.set_params("prepare", sample_rows=rows or limits["sample_rows"], samples=limits["trainings"])


def sample(side: Workspace) -> dict[str, int]:
    """From how many training rows the side's samples were taken, and how often these were halved."""
    import pyarrow.parquet as pq

    metadata = pq.read_schema(side.folder / "artifacts/train.parquet").metadata
    found: dict[str, int] = msgspec.json.decode(metadata[b"PANDAS_ATTRS"])["sample"]
    return found


def reproduce(side: Workspace, stage: str, say: Say) -> None:
    step(side.name, lambda: side.reproduce(stage, lambda started: say(side.name, started)))


def step(name: str, action: Callable[[], T]) -> T:
    """Do it; what goes wrong is the fault of this side, unless it names one itself."""
    try:
        return action()
    except (StepFailed, BadInput) as error:
        side, _, reason = str(error).partition(": ")
        raise (Failed(side, reason) if side in ("base", "head") else Failed(name, str(error))) from None


def _compare(
    case: Case, given: Submission, base: Workspace, rows: Workspace, facts: Facts, limits: Judge
) -> Comparison:
    artifacts = rows.folder / "artifacts"
    if not facts.changes.flagged and not given.learnt.same(Learnt.of(artifacts, given.info.schema)):
        raise Failed("head", f"{ROWS} and {KEYS}: the rows that it says it learnt from aren't those of its sample")
    facts = msgspec.structs.replace(facts, released=_released(case.root, artifacts / "test.parquet"))
    with confined.models(given.graphs, given.info, "head", confined.Limits()) as models:
        head = Trained(
            folder=given.folder, models=models, train=pd.read_parquet(artifacts / "train.parquet"),
            data=decode(dict[str, Partition], (artifacts / "profile.json").read_bytes(), "profile.json"),
            reproducible=given.reproducible, learnt=given.learnt,
        )  # fmt: skip
        before = Trained.load(base.folder / "artifacts")
        return judge.judge(before, head, pd.read_parquet(artifacts / "test.parquet"), facts, limits)


def _rows(case: Case, base: Workspace, schema: Schema, say: Say) -> Workspace:
    """Where the head's data lies as the base's code splits it: the base itself, if data and schema are the same.

    Of the head come the MD5 of its data, and the schema as model.json has it, which is no code.
    """
    data = pointers.of_folder(trees.contents(case.root, case.tree, [DATA]).get(DATA, b""), "data")
    known = pointers.of_folder((base.folder / DATA).read_bytes(), "data")
    if data == known and schema == read_info(base.folder / "artifacts").schema:
        return base
    made = Workspace.lay(case.root, case.base, case.root / SCRATCH / "rows")
    set_sample(made, base.params()["judge"], case.sample_rows)
    save(made.folder / DATA, pointers.written(data, "data"))
    if schema != read_info(base.folder / "artifacts").schema:
        save(made.folder / SCHEMA, GIVEN.format(encode(schema)).encode())
    step("head", lambda: made.reproduce_confined("prepare", lambda stage: say("test", stage)))
    return made


def _check_pointers(case: Case) -> None:
    """What main's jobs would refuse of data.dvc, dvc.lock and others once it is merged."""
    names = git(case.root, "ls-tree", "-z", "--name-only", case.tree).split("\0")
    wanted = [name for name in names if name.endswith(".dvc") and name != ".dvc"] + ["dvc.lock"]
    for name, content in trees.contents(case.root, case.tree, wanted).items():
        pointers.check_names(name, content)


def _released(root: Path, test: Path) -> int:
    """How many released versions were tested on exactly these rows."""
    with test.open("rb") as file:
        wanted = hashlib.file_digest(file, "md5").hexdigest()
    found = 0
    for tag in git(root, "tag", "--list", "model@v*").splitlines():
        with suppress(BadInput):  # a tag that anybody may have made
            lock = trees.contents(root, tag, ["dvc.lock"]).get("dvc.lock", b"")
            found += pointers.made(lock).get("artifacts/test.parquet") == wanted
    return found


def facts_of(case: Case) -> Facts:
    """What git tells of both sides and of what changed between them."""
    root = case.root
    base_subject, head_subject = (git(root, "log", "-1", "--format=%s", commit) for commit in (case.base, case.head))
    listed = git(root, "diff", "--numstat", "-z", "--no-renames", case.base, case.tree).split("\0")
    numbers = [line.split("\t", 2) for line in listed if line]
    known = params_of(root, case.base, "base"), params_of(root, case.tree, "head")
    changed = changes.params(*known)
    return Facts(
        base=Side(commit=case.base, subject=base_subject[:500]),
        head=Side(
            commit=case.head,
            subject=head_subject[:500],
            dirty=len(set(git(root, "rev-parse", f"{case.head}^{{tree}}", f"{case.tree}^{{tree}}").split())) > 1,
        ),
        changes=Changes(
            flagged=changes.touching((path for _, _, path in numbers), changed)[:200],
            files=[f"{path} (+{added} -{removed})"[:500] for added, removed, path in numbers][:500],
            params=changed,
        ),
        accept_incomparable=case.accept_incomparable,
    )


def params_of(root: Path, tree: str, side: str) -> dict[str, Any]:
    """The content of params.yaml, unchecked: another version of the code may have written it."""
    try:
        content = pointers.parsed(trees.contents(root, tree, [PARAMS]).get(PARAMS, b""))
    except ValueError as error:
        raise Failed(side, f"{PARAMS}: it can't be read: {error}") from None
    return content if isinstance(content, dict) else {}
