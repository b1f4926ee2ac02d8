"""Judge two sides that are trained; runs in the base's tree, so that a pull request can't choose its own judge.

Not a stage (experiment calls it): FOLDER/facts.json and both sides' artifacts -> FOLDER/comparison.json
"""

import argparse
from pathlib import Path

import pandas as pd

from mlops import params
from mlops.contract import decode, save
from mlops.judging import judge, record, sides


def main(base: Path, head: Path, test: Path, folder: Path) -> None:
    facts = decode(record.Facts, (folder / "facts.json").read_bytes(), "facts.json")
    before, after = (sides.Trained.load(side / "artifacts") for side in (base, head))
    found = judge.judge(before, after, pd.read_parquet(test), facts, params.load(base).judge)
    save(folder / "comparison.json", found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base", "head", "test", "folder"):
        parser.add_argument(name, type=Path)
    main(**vars(parser.parse_args()))
