"""Train a commit twice from scratch, in two folders, and compare the bytes with each other and with its dvc.lock.

Of a version, such as v1.2.0, the verdict is made again, too: its champion is brought, and both are judged.
Not a stage (it reads git). Exit status: 0 identical, 1 different, 2 failed.
"""

import argparse
import sys
from pathlib import Path

from mlops import console, reproduction, workspace
from mlops.contract import BadInput
from mlops.releasing import registry


def main(revision: str, root: Path) -> int:
    version = revision.removeprefix("model@")
    released, said, again = registry.VERSION.fullmatch(f"model@{version}"), "", ""
    try:
        with console.progress() as say:
            found = reproduction.reproduce(root, f"model@{version}" if released else revision, say)
            if released and not found.differences:
                from mlops.releasing import release  # with the judge, of which a commit has no need

                said, again = release.judged_again(root, version, found.made, say)
    except (workspace.StepFailed, BadInput) as error:
        console.fail(str(error))
        return 2
    differences = [*found.differences, *([] if said == again else [f"verdict, made again: {again}"])]
    told = [*found.md5s, *([f"verdict: {said}"] if said else []), *differences]
    print("\n".join(told if differences else ["identical", *told]))
    return 1 if differences else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="reproduce", description=__doc__)
    parser.add_argument(
        "revision", metavar="REV", nargs="?", default="HEAD", help="commit, tag, branch or version (default: HEAD)"
    )
    sys.exit(main(parser.parse_args().revision, Path().resolve()))
