"""Compare a submission with the base: `nox -s experiment` starts this in a tree of the base, so that a pull request
can't choose its own judge.

Not a stage (it reads git): experiment/submission/ -> OUTPUT (comparison.json).
"""

import argparse
import sys
from pathlib import Path

from mlops import params
from mlops.contract import BadInput, save
from mlops.judging import trial


def main(options: argparse.Namespace) -> int:
    case = trial.Case(
        options.root, options.base, options.head, options.tree, options.sample, options.accept_incomparable
    )
    try:
        save(options.output, trial.run(case, options.submission, print, params.load(Path()).judge))
    except (trial.Failed, BadInput) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="judge", description=__doc__)
    parser.add_argument("root", type=Path)
    for name in ("base", "head", "tree"):
        parser.add_argument(name)
    for name in ("submission", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--accept-incomparable", action="store_true")
    sys.exit(main(parser.parse_args()))
