"""Say where a prediction came from: its version's tag, commit, pull request, approver, params, data, metrics.

Not a stage (it reads tags and the store): `lineage PREDICTION_ID`, the store by STORE_URL; or `lineage v1.2.0`.
"""

import argparse
import os
from pathlib import Path

from mlops import console
from mlops.contract import BadInput
from mlops.releasing import lineage, registry
from mlops.store import Prediction, Store

LOCAL = "sqlite:///.dvc/tmp/local/store.db"  # of `nox -s serve`


def stored(id: str) -> Prediction:
    """What the store has under this id."""
    found = Store.connect(os.environ.get("STORE_URL", LOCAL)).prediction(id)
    if found is None:
        raise BadInput(f"prediction {id}: not in the store; STORE_URL names the one that the service writes")
    return found


def main(root: Path, wanted: str) -> None:
    rows = []
    if not registry.VERSION.fullmatch(f"model@{wanted}"):
        found = stored(wanted)
        rows = [("prediction", f"{found.id}, {found.at.isoformat()}")]
        rows += [("input", str(found.row)), ("output", str(found.output))]
        wanted = found.version
    rows += lineage.describe(lineage.trace(root, wanted))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        console.say(f"{name:{width}}  {value}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="lineage", description=__doc__)
    parser.add_argument("wanted", metavar="PREDICTION_ID", help="or a version")
    main(Path().resolve(), parser.parse_args().wanted)
