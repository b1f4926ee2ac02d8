"""Put an earlier version back into a stage, and mark the one that leaves as bad, so that it is never deployed again.

Not a stage of DVC (it writes tags). The agents follow within their interval. Exit status: 0 done, 1 held, and why.
"""

import argparse
import sys
from pathlib import Path

from mlops import console
from mlops.releasing import promotion
from pipelines.promote import door


def main(options: argparse.Namespace, root: Path) -> int:
    remote = "origin" if options.push else None
    done = promotion.rollback(root, options.stage, options.version or None, options.reason, door(root), remote)
    console.summary(f"### Rollback\n\n{done}\n")
    console.output("version", "" if done.startswith("held") else done.split()[1])
    console.say(done)
    return int(done.startswith("held"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="rollback", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--version", help="such as v1.2.0 (default: the one before)")
    parser.add_argument("--stage", default=promotion.PRODUCTION, help="default: prod")
    parser.add_argument("--reason", required=True, help="stands in the tag")
    parser.add_argument("--push", action="store_true", help="push the tags to origin")
    sys.exit(main(parser.parse_args(), Path().resolve()))
