"""Look at production: the store's newest closed days against what the model was trained on.

Not a stage (reads the store, tags and the clock): STORE_URL, ALERT_URLS -> FOLDER/monitor.json, summary.md, page.html.
Ends with 0 whatever it finds, also where nothing is configured; with 1 where the store can't be read or an alert isn't
delivered.
"""

import argparse
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import sqlalchemy

from mlops import console, params
from mlops.contract import BadInput, save
from mlops.hub import Hub
from mlops.releasing import registry, release
from mlops.store import Store
from mlops.watching import alerts, page, record, summary
from mlops.watching.baseline import ARTIFACTS, Baseline
from mlops.watching.check import Question, look, nothing

SCRATCH = ".dvc/tmp/monitor"
HOW = "not configured: set STORE_URL to the store that the service writes, sqlite:///FILE or postgresql+psycopg://..."


def main(root: Path, folder: Path, days: int | None, until: date | None) -> int:
    if not os.environ.get("STORE_URL"):
        console.summary(f"{HOW}\n")
        console.say(HOW)
        return 0
    limits = params.load(root)
    owners = root / ".github/CODEOWNERS"
    owner = alerts.owner(limits.monitor.owner, owners.read_text(encoding="utf-8") if owners.exists() else "")
    chosen = msgspec.structs.replace(limits.monitor, days=days or limits.monitor.days)
    asked = Question(chosen, owner, limits.judge.block, datetime.now(UTC), until)
    store = Store.connect(os.environ["STORE_URL"])
    try:
        newest = store.newest()
        if newest is None:
            found, shown = nothing(owner, "the store is empty: the service has answered nothing yet"), ""
        else:
            base = baseline(root, newest.version)
            found, seen = look(store, newest, base, asked)
            shown = page.render(found, seen.daily, base.train, base.plan)
        for name, content in {"monitor.json": found, "summary.md": summary.render(found).encode()}.items():
            save(folder / name, content)
        save(folder / "page.html", (shown or page.render(found)).encode())
        return tell(found, store, asked.now)
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise BadInput(f"STORE_URL: the store can't be read: {str(error).splitlines()[0]}") from None


def baseline(root: Path, version: str) -> Baseline:
    """Of a version, from the artifacts of its release."""
    folder = release.fetch(root, registry.Registry.read(root).commit(version), root / SCRATCH / version, ARTIFACTS)
    return Baseline.load(folder / "artifacts", root / SCRATCH / "kept")


def tell(found: record.Monitor, store: Store, now: datetime) -> int:
    """Print, summarise, start a retraining where one is called for, and alert the owner."""
    text = summary.render(found)
    console.summary(text)
    console.show(text)
    console.output("decision", found.decision.action)
    hub = Hub.of_job()
    if hub and found.decision.action == "retrain":
        console.say(hub.start("retrain.yml", reason=found.decision.reasons[0][:200]))
    failed = alerts.deliver(
        alerts.of(found, hub.run_url if hub else ""), os.environ.get("ALERT_URLS", ""), f"{now:%Y-%m-%d}", store
    )
    for line in failed:
        console.fail(line)
    return int(bool(failed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="monitor", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=int, help="length of the window; default: monitor.days of params.yaml")
    parser.add_argument("--until", type=date.fromisoformat, metavar="YYYY-MM-DD", help="its last day; default: newest")
    parser.add_argument("--folder", type=Path, default=Path("monitor"), help="where the files go; default: monitor")
    options = parser.parse_args()
    sys.exit(main(Path().resolve(), options.folder, options.days, options.until))
