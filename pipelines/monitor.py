"""Look at production: the store's newest closed days against what the model was trained on.

Not a stage (reads the store, tags and the clock): STORE_URL, ALERT_URLS -> FOLDER/monitor.json, summary.md, page.html;
and monitor.json into the store, for the service's status page.
Ends with 0 whatever it finds, also where nothing is configured; with 1 where the store can't be read or
written, or an alert isn't delivered.
"""

import argparse
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from mlops import console, params
from mlops.hub import Hub
from mlops.releasing import registry, release
from mlops.store import Store, needed
from mlops.watching import alerts, check, summary
from mlops.watching.baseline import ARTIFACTS, Baseline
from pipelines.challenge import rival

SCRATCH = ".dvc/tmp/monitor"
HOW = "not configured: set STORE_URL to the store that the service writes, sqlite:///FILE or postgresql+psycopg://..."


def main(options: argparse.Namespace, root: Path) -> int:
    if not os.environ.get("STORE_URL"):
        console.tell(HOW)
        return 0
    limits, store, now = params.load(root), Store.connect(os.environ["STORE_URL"]), datetime.now(UTC)
    owner = alerts.owner(limits.monitor.owner, root / ".github/CODEOWNERS")
    chosen = msgspec.structs.replace(limits.monitor, days=options.days or limits.monitor.days)
    asked = check.Question(chosen, owner, now, options.until, rival(root, limits))
    found = check.run(store, lambda version: baseline(root, version), asked, options.folder)
    text, hub = summary.render(found), Hub.of_job()
    console.summary(text)
    console.show(text)
    console.output("decision", found.decision.action)
    if hub and found.decision.action == "retrain":
        console.say(hub.start("retrain.yml", reason=found.decision.reasons[0][:200]))
    told, places = alerts.of(found, hub.run_url if hub else ""), os.environ.get("ALERT_URLS", "")
    with needed():
        failed = alerts.deliver(told, places, f"{now:%Y-%m-%d}", store)
        store.remember(now, (options.folder / "monitor.json").read_bytes())
    for line in failed:
        console.fail(line)
    return int(bool(failed))


def baseline(root: Path, version: str) -> Baseline:
    """Of a version, from the artifacts of its release."""
    release.fetch(root, registry.Registry.read(root).commit(version), root / SCRATCH / version, ARTIFACTS)
    return Baseline.load(root / SCRATCH / version / "artifacts", root / SCRATCH / "kept")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="monitor", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=int, help="length of the window; default: monitor.days of params.yaml")
    parser.add_argument("--until", type=date.fromisoformat, metavar="YYYY-MM-DD", help="its last day; default: newest")
    parser.add_argument("--folder", type=Path, default=Path("monitor"), help="where the files go; default: monitor")
    sys.exit(main(parser.parse_args(), Path().resolve()))
