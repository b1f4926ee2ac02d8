"""What `benchmarks.experiment` compares with: one plain process that does the same fits, predictions and comparison.

No DVC, git, ONNX, validation, guards or report: pandas, scikit-learn and a bootstrap, as a script would have it.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

import benchmarks  # noqa: F401 (finds src/)
from mlops import params
from mlops.rows import local
from problem import features
from problem.schema import SCHEMA

SHARE = 1 / 8


def main(sides: list[str]) -> None:
    rows = pd.concat([pd.read_parquet(path) for path in sorted(Path("data").glob("*.parquet"))])
    test, train = rows[rows["month"] == 5], rows[rows["month"] < 5]
    limits = params.load(Path())
    trainings, resamples, trees = limits.judge.trainings, limits.judge.resamples, limits.train.model["trees"]
    losses = np.array([[_loss(train, test, float(rate), trees, seed) for seed in range(trainings)] for rate in sides])
    difference = losses[-1] - losses[0]
    _, block = np.unique(local(test["time_hour"], SCHEMA.zone).dt.day.to_numpy() // 3, return_inverse=True)
    sums = np.stack([np.bincount(block, row) for row in difference])
    rows_per_block = np.bincount(block)
    random = np.random.default_rng(0)
    blocks = random.multinomial(len(rows_per_block), np.full(len(rows_per_block), 1 / len(rows_per_block)), resamples)
    drawn = random.multinomial(trainings, np.full(trainings, 1 / trainings), resamples) / trainings
    means = np.einsum("rb,jb,rj->r", blocks, sums, drawn) / (blocks @ rows_per_block)
    print(difference.mean(), np.quantile(means, [0.025, 0.975]))


def _loss(train: pd.DataFrame, test: pd.DataFrame, rate: float, trees: int, seed: int) -> np.ndarray:
    some = train.sample(frac=SHARE, random_state=seed)
    boosting = HistGradientBoostingClassifier(
        learning_rate=rate, max_iter=trees, max_leaf_nodes=31, early_stopping=False, random_state=seed
    )
    model = Pipeline([("features", features.build(SCHEMA, "boosting")), ("model", boosting)])
    model.fit(some[SCHEMA.inputs], some["late"])
    late = model.predict_proba(test[SCHEMA.inputs])[:, 1]
    return -np.log(np.where(test["late"] == 1, late, 1 - late))


if __name__ == "__main__":
    main(sys.argv[1:])
