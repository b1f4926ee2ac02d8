"""Make this project one about a table of your own: infer what it means, put it in the example's place, try it.

Not a stage (it makes the project whose stages run): TABLE -> data/, src/problem/schema.py, params.yaml, README.md and
docs/data.md in one commit, and the report of a first experiment. Refuses where git couldn't undo it.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from mlops import console, params
from mlops.adopting import infer, limits, project, table
from mlops.adopting.infer import Guess
from mlops.adopting.project import Adoption
from mlops.adopting.table import Table, Wish
from mlops.console import Say
from mlops.contract import BadInput
from mlops.releasing import storage
from mlops.workspace import StepFailed, Workspace, git

FIRST = ["dvc", "add", "--quiet", "data"]
THEN = {"pipeline": ["dvc", "repro"], "tests of the problem": ["python", "-m", "pytest", "tests/problem"]}
EXPERIMENT = ["python", "-m", "pipelines.experiment", "--base", "HEAD", "--quiet", "--no-gate"]


def main(options: argparse.Namespace, root: Path) -> None:
    before, known = project.clean(root, options.table), params.load(root)
    wish = Wish(options.target, options.time, options.slices, options.keep, options.task)
    found = table.load(options.table, wish)
    guess = settled(found, wish, options.yes)
    adoption = Adoption(root, found, guess, limits.fit(found.rows, guess.schema, known))
    adoption.check(known)
    console.say("\n".join(f"- {remark}" for remark in adoption.remarks))
    try:
        with console.progress() as say:
            adopt(adoption, Workspace(root, "HEAD", root), say)
    except (BadInput, StepFailed) as error:
        raise BadInput(f"{error}\nTo go back: git reset --hard {before[:7]} && dvc pull") from None
    console.show((root / "experiment/report.md").read_text(encoding="utf-8").split("<details>")[0])
    console.say(f"Adopted, in one commit. To go back: git reset --hard {before[:7]} && dvc pull")


def settled(found: Table, wish: Wish, yes: bool) -> Guess:
    """The guess, after a person at a terminal has said which doubtful columns to keep; `yes` keeps none."""
    guess = infer.guess(found, wish)
    if guess.doubts and not yes and not sys.stdin.isatty():
        listed = "\n".join(f"'{doubt.column}' {doubt.why}" for doubt in guess.doubts)
        raise BadInput(f"{listed}\nsay `--yes` to leave these columns out, or which ones to `--keep`")
    kept = [doubt.column for doubt in guess.doubts if not yes and not console.agree(doubt.question)]
    return infer.guess(found, replace(wish, keep=(*wish.keep, *kept)))


def adopt(adoption: Adoption, here: Workspace, say: Say) -> None:
    say("adopt", "write")
    adoption.write()
    here.run(FIRST, here.environment())
    storage.settle(here.root)
    for name, command in THEN.items():
        say("adopt", name)
        here.run(command, here.environment(), lambda stage: say("adopt", stage))
    git(here.root, "add", "--update")
    git(here.root, "commit", "--quiet", "--message", f"Predict {adoption.guess.schema.target} from {adoption.source}")
    say("adopt", "experiment")
    with project.first_change(here.root / "params.yaml"):
        here.run(EXPERIMENT, here.environment())


def names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="adopt", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path, help="a .csv or .parquet file, or a folder of them")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
    parser.add_argument("--time", metavar="COLUMN", help="when a row happened; the newest rows are the test")
    parser.add_argument("--slices", type=names, default=(), metavar="A,B", help="groups that must not get worse")
    parser.add_argument("--keep", type=names, default=(), metavar="A,B", help="inputs, whatever speaks against them")
    parser.add_argument("--task", choices=["binary", "multiclass", "regression"], help="default: what the target is")
    parser.add_argument("--yes", action="store_true", help="leave doubtful columns out without asking")
    main(parser.parse_args(), root=Path().resolve())
