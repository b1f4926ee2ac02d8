"""Why a model answered as it did: what each input of one row adds to the usual prediction, whatever the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.artifact import TOLERANCE, Model
from mlops.contract import BadInput
from mlops.judging import report
from mlops.judging.metrics import Floats

BACKGROUND = 1000  # training rows to compare with; the error falls with their root


@dataclass(frozen=True)
class Contribution:
    """What an input adds, with the standard error that comes from comparing with a sample of rows."""

    input: str
    value: str
    unit: str
    part: float
    error: float


@dataclass(frozen=True)
class Explanation:
    """`predicted` is exactly `usual`, the mean prediction of `rows` training rows, and all contributions, the largest
    first. `what` is a class and its probability, or a value.
    """

    what: str
    predicted: float
    usual: float
    rows: int
    contributions: list[Contribution]


def explain(model: Model, row: Mapping[str, Any], answered: Floats, train: pd.DataFrame) -> Explanation:
    """Shapley values of the inputs of `row`, sampled: each training row is turned into `row` input by input, in a
    random order and in its reverse, and what each step changes is the input's.

    A sensitive input is masked in the store: all such together get what is left between the answer and the rest.

    Parameters
    ----------
    answered
        What was answered: class probabilities, shape (n_classes,), or the value, shape (1,).

    Raises
    ------
    BadInput
        The model predicts something else for this row.

    References
    ----------
    Strumbelj and Kononenko 2014, "Explaining prediction models and individual predictions with feature contributions";
    Mitchell et al. 2022, "Sampling permutations for Shapley value estimation", section 4.1 (antithetic permutations).
    """
    schema, classes = model.info.schema, model.info.classes
    masked = [name for name in schema.having("input") if schema.columns[name].sensitive and row.get(name) is not None]
    shown = [name for name in schema.inputs if name not in masked]
    of = 1 if len(classes) == 2 else int(np.argmax(answered))
    random = np.random.default_rng(0)
    rows = train.iloc[random.permutation(len(train))[:BACKGROUND]]
    steps, usual, reached = _walk(model, row, rows, shown, of, random)
    if not masked and abs(reached[0] - answered[of]) > TOLERANCE * max(1.0, abs(answered[of])):
        raise BadInput(f"the model predicts {reached[0]:.6g} for this row, and {answered[of]:.6g} was answered")
    values = {name: _said(row.get(name)) for name in shown}
    found = [
        Contribution(name, value, schema.columns[name].unit, *_mean(steps[:, j]))
        for j, (name, value) in enumerate(values.items())
    ]
    if masked:
        found.append(Contribution(", ".join(masked), "masked: sensitive", "", *_mean(answered[of] - reached)))
    return Explanation(
        what=f"probability of {schema.target} = {classes[of]}" if classes else schema.target,
        predicted=float(answered[of]),
        usual=float(usual.mean()),
        rows=len(rows),
        contributions=sorted(found, key=lambda one: -abs(one.part)),
    )


def _walk(
    model: Model, row: Mapping[str, Any], rows: pd.DataFrame, shown: list[str], of: int, random: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """What each input changes on the way from each of `rows`, shape (n_rows, n_shown), and the predictions at the start
    and at the end of the ways, each of shape (n_rows,).
    """
    order = random.permuted(np.tile(np.arange(len(shown)), (len(rows), 1)), axis=1)
    steps, ends = [], np.empty(0)
    for way in (order, order[:, ::-1]):
        turn = np.argsort(way, axis=1)  # at which step an input is changed
        predicted = model.predict(_between(row, rows, shown, turn, model.info.schema.inputs))[:, of]
        path = predicted.reshape(len(rows), -1)
        steps.append(np.take_along_axis(np.diff(path, axis=1), turn, axis=1))
        ends = path[:, [0, -1]]
    return np.mean(steps, axis=0), ends[:, 0], ends[:, 1]


def _between(
    row: Mapping[str, Any], rows: pd.DataFrame, shown: list[str], turn: NDArray[np.int64], inputs: list[str]
) -> dict[str, NDArray[Any]]:
    """Every row with none to all of the inputs changed, one after the other: n_rows * (n_shown + 1) rows."""
    done = np.arange(len(shown) + 1)
    columns = {name: np.repeat(rows[name].to_numpy(object), len(done)) for name in inputs}
    for j, name in enumerate(shown):
        changed = (done > turn[:, [j]]).ravel()
        columns[name][changed] = row.get(name)
    return columns


def _mean(values: Floats) -> tuple[float, float]:
    """With its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _said(value: Any) -> str:
    if value is None:
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def render(found: Explanation) -> str:
    """Markdown for a person."""
    rows = [
        f"| {' | '.join(map(report.plain, (one.input, one.value, one.unit)))} | {one.part:+.4f} | {one.error:.4f} |"
        for one in found.contributions
    ]
    return "\n".join(
        [
            f"{report.plain(found.what)}: **{found.predicted:.4f}**, and {found.usual:.4f} on average of "
            f"{found.rows:,} training rows. What each input adds:", "",
            "| input | value | unit | adds | standard error |", "|---|---|---|---|---|", *rows,
            f"| together | | | {found.predicted - found.usual:+.4f} | |", "",
            "Shapley values: an input's value replaces that of a training row, after others in any order. Inputs that "
            "act together share what they add; what is added is the model's doing, and no cause in the world.", "",
        ]
    )  # fmt: skip
