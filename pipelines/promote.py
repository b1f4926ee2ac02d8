"""Put a version into a stage: staging, prod, or a stage that is a label, such as compliance.

Not a stage of DVC (it writes a tag). Exit status: 0 done, or staging has a newer one; 1 production doesn't get it, and
why. For a version that comes to staging it is said already what production will wait for.
"""

import argparse
import os
import sys
from pathlib import Path

from mlops import console, params
from mlops.hub import Hub
from mlops.releasing import promotion
from mlops.releasing.registry import Registry


def door(root: Path, accepts: str = "") -> promotion.Door:
    """What production asks for, and whether GitHub has somebody who says yes."""
    hub = Hub.of_job()
    reviewers = hub.has_reviewers("production") if hub else None
    example = "GITHUB_ACTIONS" not in os.environ or os.environ.get("DEPLOY_EXAMPLE") == "true"
    return promotion.Door(params.load(root).deploy, reviewers, accepts, example)


def main(options: argparse.Namespace, root: Path) -> int:
    remote, asked = "origin" if options.push else None, door(root, options.accept_incomparable)
    done = promotion.promote(root, options.stage, options.version, asked, options.reason, remote)
    stays = done.startswith(("held", "skipped"))
    waits = options.stage == promotion.STAGING and promotion.waits(root, options.version, asked, Registry.read(root))
    told = f"{done}\nproduction: {waits}" if waits else done
    console.summary(f"{told}\n\n")
    console.output("held", "true" if stays else "")
    console.output("waits", "true" if waits else "")
    console.say(told)
    return int(options.stage == promotion.PRODUCTION and stays)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="promote", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stage", nargs="?", default=promotion.PRODUCTION, help="staging, prod (default), or a label")
    parser.add_argument("version", help="such as v1.2.0")
    parser.add_argument("--reason", default="", help="stands in the tag")
    parser.add_argument("--push", action="store_true", help="push the tag to origin")
    parser.add_argument(
        "--accept-incomparable",
        default="",
        metavar="REASON",
        help="why it may go to production; stands in the tag",
    )
    sys.exit(main(parser.parse_intermixed_args(), Path().resolve()))
