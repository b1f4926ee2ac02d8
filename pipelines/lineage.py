"""Say where a prediction came from: its version's tag, commit, pull request, approver, params, data, metrics.

Not a stage (it reads tags and the store): `lineage PREDICTION_ID`, the store by STORE_URL; or `lineage v1.2.0`.
"""

import argparse
import os
from pathlib import Path
from typing import get_args

from mlops import console
from mlops.contract import BadInput
from mlops.releasing import lineage, registry
from mlops.store import Prediction, Role, Store

LOCAL = "sqlite:///.dvc/tmp/local/store.db"  # of `nox -s serve`


def stored(id: str) -> list[Prediction]:
    """What the store has under this id: the prediction that was answered, then any that wasn't."""
    store = Store.connect(os.environ.get("STORE_URL", LOCAL))
    found = [one for role in get_args(Role) if (one := store.prediction(id, role))]
    if not found:
        raise BadInput(f"prediction {id}: not in the store; STORE_URL names the one that the service writes")
    return found


def main(root: Path, wanted: str) -> None:
    rows: list[tuple[str, str]] = []
    if not registry.VERSION.fullmatch(f"model@{wanted}"):
        answered, *shadow = stored(wanted)
        rows = [("prediction", f"{answered.id}, {answered.at.isoformat()}"), ("answered by", answered.role)]
        rows += [("input", str(answered.row)), ("output", str(answered.output))]
        rows += [("in its shadow", f"{one.version}: {one.output}") for one in shadow]
        wanted = answered.version
    rows += lineage.describe(lineage.trace(root, wanted))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        console.say(f"{name:{width}}  {value}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="lineage", description=__doc__)
    parser.add_argument("wanted", metavar="PREDICTION_ID", help="or a version")
    main(Path().resolve(), parser.parse_args().wanted)
