"""Split the rows in training and test, and mark the samples that trainings use.

Stage ``prepare``: data/, artifacts/profile.json -> artifacts/train.parquet, artifacts/test.parquet
"""

from pathlib import Path

from mlops import engine, params
from mlops.contract import Partition, decode, save
from mlops.training.kept import Kept
from mlops.training.partitions import Partitions
from problem.schema import SCHEMA


def main(root: Path = Path()) -> None:
    asked, kept = params.load(root), Kept.of(root)
    known = decode(dict[str, Partition], (root / "artifacts/profile.json").read_bytes(), "artifacts/profile.json")
    md5s = {name: part.md5 for name, part in known.items()}
    with engine.opened(asked.engine) as mapping:
        train, test = Partitions(root / "data", md5s, SCHEMA, asked.prepare, kept, mapping).sides()
    print(kept)
    save(root / "artifacts/train.parquet", train.to_parquet(index=False, compression="zstd"))
    save(root / "artifacts/test.parquet", test.to_parquet(index=False, compression="zstd"))


if __name__ == "__main__":
    main()
