"""Train on every sample; the first gives the model, the others show how much a training varies.

Stage ``train``: artifacts/train.parquet -> artifacts/model.onnx, artifacts/model.json, artifacts/repeats/
"""

from pathlib import Path

import msgspec
import pandas as pd
from sklearn.pipeline import Pipeline

from mlops import params
from mlops.contract import save
from mlops.training import fit
from problem import model
from problem.schema import SCHEMA


def main(root: Path = Path()) -> None:
    train = params.load(root).train
    settings = params.convert(train.model, model.Settings, "params.yaml: train.model")
    first, *others = fit.samples(pd.read_parquet(root / "artifacts/train.parquet"))

    def build(seed: int) -> Pipeline:
        return model.build(settings, SCHEMA, seed)

    again = [first, *others] if others else []  # the first once more: its bytes show that a training can be repeated
    seeds = [train.seed, *(train.seed + n for n in range(len(again)))]
    (graph, classes), *fitted = fit.several(build, [first, *again], SCHEMA, seeds)
    repeats = {f"{n}.onnx": graph for n, (graph, _) in enumerate(fitted)}
    info = fit.describe(graph, classes, first, SCHEMA, train.seed, msgspec.to_builtins(settings))
    save(root / "artifacts/model.onnx", graph)
    save(root / "artifacts/model.json", info)
    folder = root / "artifacts/repeats"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, graph in repeats.items():
        save(folder / name, graph)


if __name__ == "__main__":
    main()
