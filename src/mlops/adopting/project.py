"""A work tree that takes up a table in place of the example: all of it or, by one git command, nothing."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mlops.adopting import example, limits, table, write
from mlops.adopting.infer import Guess
from mlops.adopting.table import Table
from mlops.contract import BadInput
from mlops.params import Params
from mlops.training import validate
from mlops.workspace import Workspace, git

SCRATCH = ".dvc/tmp/adopt"
STEPS = {
    "data under DVC": ["dvc", "add", "--quiet", "data"],
    "pipeline": ["dvc", "repro"],
    "tests of the problem": ["python", "-m", "pytest", "tests/problem"],
}
EXPERIMENT = ["python", "-m", "pipelines.experiment", "--base", "HEAD", "--quiet", "--no-gate"]
RATE = re.compile(r"(?m)^(    learning_rate: )(\S+)")
SEED = re.compile(r"(?m)^(  seed: )(\d+)")


@dataclass(frozen=True)
class Adoption:
    """What is put into the work tree at `root`; `values` are those of params.yaml."""

    root: Path
    table: Table
    guess: Guess
    values: dict[str, dict[str, Any]]

    @property
    def remarks(self) -> list[str]:
        """What was decided, and what follows from it."""
        left_out = [f"`{doubt.column}` is left out: it {doubt.why}" for doubt in self.guess.doubts]
        return [*self.guess.remarks, *left_out, *limits.remarks(self.table.rows, self.guess.schema, self.values)]

    @property
    def source(self) -> str:
        """The table in words."""
        first, *others = self.table.files
        return f"`{first}`" + (f" and {len(others)} more file{'s' * (len(others) > 1)}" if others else "")

    def check(self, known: Params) -> None:
        """Copy the data aside, and validate it as the pipeline will."""
        shutil.rmtree(self.root / SCRATCH, ignore_errors=True)
        table.bring(self.table, self.root / SCRATCH)
        validate.folder(self.root / SCRATCH, self.guess.schema, known.validate.max_dropped)

    def write(self) -> None:
        """Replace the example: data, schema, params, the README's paragraph, the data card."""
        schema, rows, root = self.guess.schema, len(self.table.rows), self.root
        example.leave(root)
        shutil.rmtree(root / "data", ignore_errors=True)
        (root / SCRATCH).rename(root / "data")
        values = self.values | {"card": write.purpose(schema)}
        _edit(root / "params.yaml", write.params(_text(root / "params.yaml"), values))
        _edit(root / "README.md", write.readme(_text(root / "README.md"), schema, self.source, rows))
        _edit(root / "src/problem/schema.py", write.schema(schema, self.source))
        _edit(root / write.CARD, write.card(schema, self.source, rows, self.remarks))

    def run(self, settle: Callable[[Path], object], say: Callable[[str, str], None]) -> None:
        """Put it in place, try it, commit it; `settle` makes DVC read the data from where it will be kept.

        Raises
        ------
        StepFailed
            A command failed, which leaves the work tree as it was then.
        """
        here = Workspace(self.root, "HEAD", self.root)
        self.write()
        for name, command in STEPS.items():
            say("adopt", name)
            here.run(command, here.environment(), lambda stage: say("adopt", stage))
            settle(self.root)
        git(self.root, "add", "--update")
        git(self.root, "add", "data.dvc", write.CARD)
        git(self.root, "commit", "--quiet", "--message", f"Predict {self.guess.schema.target} from {self.source}")
        say("adopt", "experiment")
        with first_change(self.root / "params.yaml"):
            here.run(EXPERIMENT, here.environment())


def clean(root: Path, place: Path | None = None) -> str:
    """The commit to go back to.

    Raises
    ------
    BadInput
        The work tree holds changes that aren't committed, the table at `place` aside; or git doesn't know who commits.
    """
    git(root, "var", "GIT_AUTHOR_IDENT")
    status = git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    changed = [line.split(maxsplit=1)[1] for line in status.split("\0") if line]
    paths, own = {path: (root / path).resolve() for path in changed}, place and place.resolve()
    others = [path for path, full in paths.items() if own not in (full, *full.parents)]
    if others:
        named = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        raise BadInput(f"the work tree has changes ({named}): git couldn't undo this; commit or stash them first")
    return git(root, "rev-parse", "HEAD")


def accepted(root: Path) -> bool:
    """Would the change that the first experiment tried pass as a pull request?"""
    return bool(_comparison(root)["decision"]["accepted"])


def sight(root: Path) -> str:
    """What the first experiment could not have seen."""
    found = _comparison(root)
    loss, least = found["metrics"][0]["base"], found["basis"]["detectable"]
    if not least:
        return "Both sides predict nearly the same, so the experiment says nothing of what it could have seen."
    return f"An effect smaller than {least:.3g}, {least / loss:.0%} of the loss, would hardly have been seen."


@contextmanager
def first_change(params: Path) -> Iterator[None]:
    """Params with a change that is worth an experiment, until the block ends: a lower learning rate, or a new seed."""
    before = _text(params)
    slower = RATE.sub(lambda found: f"{found[1]}{0.1 if float(found[2]) > 0.1 else float(found[2]) / 2:g}", before)
    changed = slower if slower != before else SEED.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", before, count=1)
    try:
        _edit(params, changed)
        yield
    finally:
        _edit(params, before)


def _comparison(root: Path) -> dict[str, Any]:
    return dict(msgspec.json.decode((root / "experiment/comparison.json").read_bytes()))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _edit(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
