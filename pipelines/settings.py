"""Make the repository's settings at GitHub those of .github/settings: first the plan, then, with --apply, the deed.

Not a stage (it talks to GitHub): GITHUB_TOKEN is that of a person who may administer the repository. Ends with 1 where
GitHub refused something, and is quoted; else with 0.
"""

import argparse
import sys
from pathlib import Path

from mlops import console
from mlops.adopting import plan, settings
from mlops.hub import Hub
from mlops.releasing import registry


def main(apply: bool, root: Path) -> int:
    wanted, hub = settings.Settings.read(root), Hub.of_person(root)
    parts = wanted.parts(hub, root, registry.believed)
    rows, faults = plan.plan(parts)
    console.show(plan.table(rows) if rows else "Nothing differs from .github/settings.")
    for note in [*settings.notes(wanted, root, hub.repository.default_branch), *settings.rests_on(hub, rows)]:
        console.say(f"note: {note}")
    if apply and rows:
        changed, faults = plan.apply(parts)
        console.say(f"changed: {', '.join(changed) or 'nothing'}")
    elif rows:
        console.say(f"{len(rows)} differences; `nox -s settings -- --apply` makes them as wanted")
    for fault in faults:
        console.fail(fault)
    return int(bool(faults))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="settings", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--apply", action="store_true", help="change what differs; without it nothing is changed")
    sys.exit(main(parser.parse_args().apply, Path().resolve()))
