"""Put a version beside production: in shadow it is scored and kept, in split it answers a share of the rows.

Not a stage (it writes a tag). With neither a version nor --end: who is challenger and, with STORE_URL, how it does.
Exit status: 0 done, 1 the version is held, and why.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from mlops import challenge, console, params
from mlops.releasing import challenge as challenging
from mlops.releasing import messages, promotion, registry
from mlops.store import Store
from mlops.watching import rivalry, summary
from pipelines.promote import door

END = "end"
SHARES = {"shadow": 1.0, "split": 0.1}


def main(options: argparse.Namespace, root: Path) -> int:
    if options.mode == END:
        done = challenging.end(root, options.reason, options.remote)
    elif options.version:
        part = SHARES[options.mode] if options.share is None else options.share
        wanted = challenge.Challenge(version=options.version, mode=options.mode, share=part)
        done = challenging.begin(root, wanted, door(root), options.reason, options.remote)
    else:
        done = standing(root)
    console.summary(f"### Challenger\n\n{done}\n")
    console.say(done)
    return int(done.startswith("held"))


def standing(root: Path) -> str:
    """Who is challenger, and how it does."""
    known, found = registry.Registry.read(root), rival(root, params.load(root))
    champion = known.current(promotion.PRODUCTION)
    if champion is None or found is None:
        return "there is no challenger"
    if not os.environ.get("STORE_URL"):
        return f"challenger: {challenging.said(found.challenge)} of {champion}; set STORE_URL to see how it does"
    store, info = Store.connect(os.environ["STORE_URL"]), challenging.info(root, known, champion)
    return summary.rival(rivalry.until_now(store, info, champion, found, datetime.now(UTC)))


def rival(root: Path, limits: params.Params) -> rivalry.Rival | None:
    """Who challenges the champion, and by which limits it is judged."""
    known = registry.Registry.read(root)
    found = messages.challenge(root, known, known.current(promotion.PRODUCTION))
    return rivalry.Rival(found, limits.judge, limits.monitor.min_rows) if found else None


def share(text: str) -> float | None:
    """Empty, as a workflow passes on what nobody filled in, is the mode's own."""
    return float(text) if text else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="challenge", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("version", nargs="?", help="such as v1.2.0")
    modes = (*SHARES, END)
    parser.add_argument("--mode", choices=modes, default=modes[0], help="default: shadow")
    parser.add_argument("--end", dest="mode", action="store_const", const=END, help="no challenger any more")
    parser.add_argument("--share", type=share, help="of the rows that it gets; default: 1 in shadow, 0.1 in split")
    parser.add_argument("--reason", default="", help="stands in the tag")
    parser.add_argument("--push", dest="remote", action="store_const", const="origin", help="push the tag to origin")
    sys.exit(main(parser.parse_intermixed_args(), Path().resolve()))
