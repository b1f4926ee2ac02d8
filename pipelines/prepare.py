"""Split the rows in training and test, and mark the samples that trainings use.

Stage ``prepare``: data/, artifacts/profile.json -> artifacts/train.parquet, artifacts/test.parquet
"""

from pathlib import Path

import pandas as pd

from mlops import params
from mlops.contract import Partition, decode, save
from mlops.training import split, validate
from problem.schema import SCHEMA


def main(root: Path = Path()) -> None:
    limits = params.load(root).prepare
    known = decode(dict[str, Partition], (root / "artifacts/profile.json").read_bytes(), "artifacts/profile.json")
    parts = {name: validate.clean(root / "data" / name, SCHEMA) for name in known}
    rows = pd.concat(parts, names=["file"])
    train, test = split.split(rows, SCHEMA, limits)
    for side in (train, test):
        used = side.index.unique("file")
        side.attrs["data"] = {name: known[name].md5 for name in used}
    save(root / "artifacts/train.parquet", train.to_parquet(index=False, compression="zstd"))
    save(root / "artifacts/test.parquet", test.to_parquet(index=False, compression="zstd"))


if __name__ == "__main__":
    main()
