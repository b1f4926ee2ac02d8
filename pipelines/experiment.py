"""Compare the work tree with its base, as a pull request would: train both on a sample, judge, report.

Not a stage (it reads git): writes experiment/comparison.json and experiment/report.md, and the summary of a workflow.
Exit status: 0 accepted, 1 refused, 2 failed.
"""

import argparse
import shutil
import sys
from pathlib import Path

from mlops import console
from mlops.contract import BadInput, save
from mlops.cost import Reused
from mlops.judging import experiment, report, submission, trial
from mlops.judging.record import Failure

WARM = "The base of pull requests is in the cache"
SUBMITTED = "The model is handed in: report.yml judges it, and comments"


def main(options: argparse.Namespace, root: Path) -> int:
    folder = root / "experiment"
    (folder / "comparison.json").unlink(missing_ok=True)
    shutil.rmtree(root / submission.FOLDER, ignore_errors=True)
    try:
        base = options.base or experiment.default_base(root)
        case = experiment.case(root, base, options.sample, options.accept_incomparable)
        with console.progress() as say:
            reused = Reused(say)
            if options.warm or options.submit:
                (experiment.warm if options.warm else experiment.submit)(case, reused)
                console.summary(f"### {SUBMITTED if options.submit else WARM}", str(reused))
                return 0
            found = experiment.run(case, reused)
    except (trial.Failed, BadInput) as error:
        console.fail(str(error))
        failed = Failure(version=1, failed=str(error)[:4000])
        for path in (folder / "comparison.json", root / submission.FOLDER / submission.FAILED):
            save(path, failed)
        return 2
    text = report.render(found)
    save(folder / "comparison.json", found)
    save(folder / "report.md", text.encode())
    console.summary(text, str(reused))
    if not options.quiet:
        console.show(text)
    return 0 if found.decision.accepted or options.no_gate else 1


def rows(text: str) -> int:
    """A number of rows, or `all`: then every training takes half of them, as samples that are whole can't differ."""
    return sys.maxsize if text == "all" else int(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="experiment", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--base", metavar="REV", help="compare with its merge base (default: main)")
    parser.add_argument("--sample", metavar="ROWS", type=rows, help="training rows, or all")
    parser.add_argument("--accept-incomparable", action="store_true", help="what a code owner's label says")
    parser.add_argument("--quiet", action="store_true", help="leave the report in its file")
    parser.add_argument("--no-gate", action="store_true", help="end with 0 where the change is refused, too")
    parser.add_argument("--warm", action="store_true", help="train the base alone, into DVC's cache")
    parser.add_argument("--submit", action="store_true", help="train the head alone, into experiment/submission/")
    sys.exit(main(parser.parse_args(), root=Path().resolve()))
