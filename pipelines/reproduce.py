"""Train a commit twice from scratch, in two folders, and compare the bytes with each other and with its dvc.lock.

Of a version, such as v1.2.0, the verdict is made again, too: its champion is brought, and both are judged.
Not a stage (it reads git). Exit status: 0 identical, 1 different, 2 failed.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from mlops import console, reproduction, workspace
from mlops.contract import BadInput
from mlops.releasing import registry


def main(revision: str, root: Path) -> int:
    version = revision.removeprefix("model@")
    released, told = registry.VERSION.fullmatch(f"model@{version}"), []
    try:
        with console.progress() as say:
            found = reproduction.reproduce(root, f"model@{version}" if released else revision, say)
            if released and not found.differences:
                told = verdict(root, version, found.made, say)
    except (workspace.StepFailed, BadInput) as error:
        console.fail(str(error))
        return 2
    differences = [*found.differences, *told[1:]]
    print("\n".join([*([] if differences else ["identical"]), *found.md5s, *told[:1], *differences]))
    return 1 if differences else 0


def verdict(root: Path, version: str, made: workspace.Workspace, say: Callable[[str, str], None]) -> list[str]:
    """The verdict as the version has it, and in what it differs from the one that is made again."""
    from mlops.releasing import release  # with the judge, of which a commit has no need

    said, again = release.judged_again(root, version, made, say)
    return [f"verdict: {said}", *([] if said == again else [f"verdict, made again: {again}"])]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="reproduce", description=__doc__)
    parser.add_argument(
        "revision", metavar="REV", nargs="?", default="HEAD", help="commit, tag, branch or version (default: HEAD)"
    )
    sys.exit(main(parser.parse_args().revision, Path().resolve()))
