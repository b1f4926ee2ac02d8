"""Train a commit twice from scratch, in two folders, and compare the bytes with each other and with its dvc.lock.

Not a stage (it reads git). Exit status: 0 identical, 1 different, 2 failed.
"""

import argparse
import sys
from pathlib import Path

from mlops import console, reproduction, workspace
from mlops.contract import BadInput


def main(revision: str, root: Path) -> int:
    try:
        with console.progress() as say:
            found = reproduction.reproduce(root, revision, say)
    except (workspace.StepFailed, BadInput) as error:
        console.fail(str(error))
        return 2
    print("\n".join([*found.md5s, *found.differences] if found.differences else ["identical", *found.md5s]))
    return 1 if found.differences else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="reproduce", description=__doc__)
    parser.add_argument(
        "revision", metavar="REV", nargs="?", default="HEAD", help="commit, tag or branch (default: HEAD)"
    )
    sys.exit(main(parser.parse_args().revision, Path().resolve()))
