"""Say why a prediction came out as it did: what each input added, by the model of the version that answered.

Not a stage (it reads tags, storage and the store): the store by STORE_URL, as for `lineage`.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from mlops import console
from mlops.artifact import Model
from mlops.judging import explanation
from mlops.releasing import registry, release
from pipelines.lineage import stored

SCRATCH = ".dvc/tmp/explain"
NEEDED = ("model.onnx", "model.json", "train.parquet")


def main(root: Path, id: str) -> None:
    found = stored(id)[0]
    commit = registry.Registry.read(root).commit(found.version)
    folder = release.fetch(root, commit, root / SCRATCH / found.version, NEEDED) / "artifacts"
    model, train = Model.load(folder), pd.read_parquet(folder / "train.parquet")
    answered = [found.output["probabilities"][str(label)] for label in model.info.classes] or [found.output["value"]]
    told = explanation.explain(model, found.row, np.asarray(answered, dtype=np.float64), train)
    console.say(f"prediction {found.id}, {found.at.isoformat()}, by {found.version}\n")
    console.show(explanation.render(told))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="explain", description=__doc__)
    parser.add_argument("id", metavar="PREDICTION_ID")
    main(Path().resolve(), parser.parse_args().id)
