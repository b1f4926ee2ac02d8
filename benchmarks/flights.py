"""The bundled flights as frames, and the example's model of January to April with its baseline."""

import os
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import msgspec
import pandas as pd

from mlops import params
from mlops.artifact import Model
from mlops.judging.metrics import Ints
from mlops.training import fit, read, validate
from mlops.watching import counts
from mlops.watching.baseline import Baseline
from mlops.watching.check import Question
from problem import model
from problem.schema import SCHEMA

ROOT = Path(__file__).parents[1]


THINNED = "THINNED"  # in the environment, for processes that are started, too: take every n-th flight


@cache
def flights() -> tuple[pd.DataFrame, Ints]:
    """January to September, and the local day of each row."""
    paths = [*read.partitions(ROOT / "data"), *read.partitions(ROOT / "live")]
    rows = pd.concat([validate.clean(path, SCHEMA) for path in paths], ignore_index=True)
    rows = (
        rows.sort_values("time_hour", kind="stable").iloc[:: int(os.environ.get(THINNED, "1"))].reset_index(drop=True)
    )
    return rows, counts.ordinals(rows["time_hour"], SCHEMA.zone)


def ordinal(month: int) -> int:
    return (date(2013, month, 1) - date(1970, 1, 1)).days


def trained(without: tuple[int, int] | None = None) -> tuple[Model, Baseline]:
    """The example's model of January to April, less the days `without` (the end exclusive), tested on May."""
    rows, day = flights()
    chosen = day < ordinal(5)
    if without:
        chosen &= (day < without[0]) | (day >= without[1])
    settings = params.convert(params.load(ROOT).train.model, model.Settings, "params.yaml: train.model")
    graph, classes = fit.fit(lambda seed: model.build(settings, SCHEMA, seed), rows[chosen], SCHEMA, 0)
    made = Model(graph, fit.describe(graph, classes, rows[chosen], SCHEMA, 0, {}))
    test = rows[(day >= ordinal(5)) & (day < ordinal(6))]
    names = [f"probability_{label}" for label in classes]
    tested = test.reset_index(drop=True).join(pd.DataFrame(made.predict(test), columns=names))
    return made, Baseline.of(made, rows[chosen], tested)


def asked(days: int) -> Question:
    limits = params.load(ROOT)
    return Question(msgspec.structs.replace(limits.monitor, days=days), "nobody", datetime.now(UTC))
