"""Make this project one about a table of your own: infer what it means, put it in the example's place, try it.

Not a stage (it makes the project whose stages run): TABLE -> data/, src/problem/schema.py, params.yaml, README.md and
docs/data.md in one commit, and the report of a first experiment. Refuses where git couldn't undo it.
Exit status: 0 adopted; 1 adopted, and the change that the first experiment tried is refused; 2 failed.
"""

import argparse
import sys
from pathlib import Path

from mlops import console, params
from mlops.adopting import infer, limits, project, table
from mlops.adopting.project import Adoption
from mlops.adopting.table import Wish
from mlops.contract import BadInput
from mlops.releasing import storage
from mlops.workspace import StepFailed


def main(options: argparse.Namespace, root: Path) -> int:
    try:
        return adopt(options, root)
    except BadInput as error:
        console.fail(str(error))
        return 2


def adopt(options: argparse.Namespace, root: Path) -> int:
    before, known = project.clean(root, options.table), params.load(root)
    back = f"To go back: git reset --hard {before[:7]} && dvc pull"
    wish = Wish(options.target, options.time, options.slices, options.keep, options.task)
    found = table.load(options.table, wish)
    agree = (lambda _: True) if options.yes else console.agree if sys.stdin.isatty() else None
    guess = infer.settled(found, wish, agree)
    adoption = Adoption(root, found, guess, limits.fit(found.rows, guess.schema, known))
    adoption.check(known)
    console.say("\n".join(f"- {remark}" for remark in adoption.remarks))
    try:
        with console.progress() as say:
            adoption.run(storage.settle, say)
    except (BadInput, StepFailed) as error:
        raise BadInput(f"{error}\n{back}") from None
    console.say("Tried, and not kept: a lower learning rate, or another seed where the model has none.\n")
    console.show((root / "experiment/report.md").read_text(encoding="utf-8").split("<details>")[0])
    accepted = project.accepted(root)
    if not accepted:
        console.say("What was tried is refused, as a pull request would be (status 1). What was adopted stands.")
    console.say(f"{project.sight(root)}\nAdopted, in one commit. {back}")
    return int(not accepted)


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
    sys.exit(main(parser.parse_args(), root=Path().resolve()))
