"""Show where data and models are kept, bring them here, send them there, or keep them elsewhere from now on.

Not a stage: it talks to git's origin, or to the storage that .dvc/config names. Exit status: 0 done, 1 something is to
be mended, and said.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from mlops.console import say
from mlops.releasing import oidc, storage

COMMIT = f"{storage.CONFIG} reads data and models from the remote `storage` now: commit it, and push again"


def main(options: argparse.Namespace, root: Path) -> int:
    match options.what:
        case "":
            say(storage.describe(root))
        case "pull":
            storage.pull(root)
            return subprocess.call(["dvc", "pull"], cwd=root)
        case "check":  # before DVC lays out what it has
            storage.check(root)
        case "checkout":  # for git's hook
            storage.check(root, fetch=False)
            return subprocess.call(["dvc", "git-hook", "post-checkout"], cwd=root)
        case "push":
            return push(options, root)
        case "settle":
            return complain(COMMIT if storage.settle(root) else "")
        case "ready":  # for the jobs of a workflow
            oidc.export()
            storage.pull(root, fetch=False)
        case url:
            from mlops.releasing import moving

            say(moving.move(root, moving.target(url, options.endpoint, options.account)))
    return 0


def push(options: argparse.Namespace, root: Path) -> int:
    pushed = storage.push(root, options.hook, options.check)
    if pushed.sent or not options.hook:
        say(f"{pushed.sent} new objects for {storage.remote(root).place}")
    if pushed.sent and (warning := storage.outgrown(root)):
        say(f"warning: {warning}")
    return complain(COMMIT if pushed.uncommitted else "")


def complain(message: str) -> int:
    print(message, file=sys.stderr, end="\n" if message else "")
    return int(bool(message))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="storage", description=__doc__)
    parser.add_argument("what", nargs="?", default="", help="pull, push, or where to: s3://, azure://, gs://, a folder")
    parser.add_argument("--endpoint", default="", metavar="URL", help="of a server that speaks S3, other than Amazon's")
    parser.add_argument("--account", default="", metavar="NAME", help="Azure's storage account")
    parser.add_argument("--check", action="store_true", help="push: read back what is there, and mend what is damaged")
    parser.add_argument("--hook", action="store_true", help="push: say nothing where nothing changed since the last")
    sys.exit(main(parser.parse_args(), root=Path().resolve()))
