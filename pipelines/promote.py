"""Put a version into a stage: staging, prod, or a stage that is a label, such as compliance.

Not a stage of DVC (it writes a tag): ends with 0 also where the version is held or superseded, and says so.
"""

import argparse
from pathlib import Path

from mlops import console, params
from mlops.hub import Hub
from mlops.releasing import promotion


def door(root: Path) -> promotion.Door:
    """What production asks for, and whether GitHub has somebody who says yes."""
    hub = Hub.of_job()
    return promotion.Door(params.load(root).deploy, hub.has_reviewers("production") if hub else None)


def main(options: argparse.Namespace, root: Path) -> None:
    remote = "origin" if options.push else None
    done = promotion.promote(root, options.stage, options.version, door(root), options.reason, remote)
    console.summary(f"{done}\n\n")
    console.output("held", "true" if done.startswith(("held", "skipped")) else "")
    console.say(done)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="promote", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stage", nargs="?", default=promotion.PRODUCTION, help="staging, prod (default), or a label")
    parser.add_argument("version", help="such as v1.2.0")
    parser.add_argument("--reason", default="", help="stands in the tag")
    parser.add_argument("--push", action="store_true", help="push the tag to origin")
    main(parser.parse_intermixed_args(), Path().resolve())
