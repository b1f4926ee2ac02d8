"""Many settings, each tried on few rows; the better ones again on more.

References
----------
Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization" (successive
halving; here a round keeps 1/cut, on cut times the rows).
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from mlops.artifact import Model
from mlops.contract import BadInput, ModelInfo, Record, Schema
from mlops.engine import Map
from mlops.training import export, fit, folds

FEW = 500  # rows below which a round would choose by luck

Loss = Callable[[pd.DataFrame, ModelInfo, NDArray[np.float64]], float]


class Trial(Record, frozen=True):
    """What differs from the settings of params.yaml, and what became of it in the last of the `rounds` it completed.

    `rows` is the number of rows that the last fold learnt from; `train` is the loss on rows that were learnt from,
    `validation` that on rows that weren't, both means over folds.
    """

    number: int
    settings: dict[str, Any]
    rounds: int = 0
    rows: int = 0
    train: float | None = None
    validation: float | None = None
    failed: str | None = None

    @property
    def rank(self) -> tuple[bool, int, float]:
        """Sorts trials from the best on."""
        return self.failed is not None, -self.rounds, np.inf if self.validation is None else self.validation


def shares(trials: int, cut: int, most: float = 1.0) -> list[float]:
    """Share of the rows in each round; in the last one, which at most `cut` trials reach, it is `most`."""
    rounds = 1
    while cut**rounds < trials:
        rounds += 1
    return [most / cut**left for left in reversed(range(rounds))]


def halve(
    trials: Sequence[Trial], shares: Sequence[float], cut: int,
    measure: Callable[[Sequence[Trial], float], Iterable[Trial]],
) -> list[Trial]:  # fmt: skip
    """All trials, from the best on. The first of them, params.yaml as it is, takes part in every round.

    Raises
    ------
    BadInput
        Every trial failed; says what the first one failed of.
    """
    alive, found = list(trials), {trial.number: trial for trial in trials}
    for share in shares:
        measured = list(measure(alive, share))
        found |= {trial.number: trial for trial in measured}
        sound = sorted((trial for trial in measured if trial.failed is None), key=lambda trial: trial.rank)
        best = sound[: -(-len(alive) // cut)]
        alive = best + [trial for trial in sound if trial.number == trials[0].number and trial not in best]
    if all(trial.failed is not None for trial in found.values()):
        first = found[trials[0].number].failed
        raise BadInput(f"search: none of {len(trials)} trials could be measured; the first one failed: {first}")
    return sorted(found.values(), key=lambda trial: trial.rank)


@dataclass(frozen=True)
class Bench:
    """What trials are measured on. `build` turns settings into what makes an estimator of a seed."""

    rows: pd.DataFrame
    schema: Schema
    number: int
    build: Callable[[dict[str, Any]], fit.Build]
    loss: Loss
    seed: int

    @cached_property
    def parts(self) -> list[folds.Fold]:
        return folds.folds(self.rows, self.schema, self.number)

    def run(
        self, trials: Sequence[Trial], cut: int, most: int | None, told: Callable[[Trial], None], mapping: Map = map
    ) -> list[Trial]:
        """All trials, from the best on, the last round on at most `most` rows; `told` hears of each measured."""

        def measure(alive: Sequence[Trial], share: float) -> Iterator[Trial]:
            for trial in mapping(partial(self.measure, share=share), alive):
                told(trial)
                yield trial

        rows = len(self.rows)
        return halve(trials, shares(len(trials), cut, min(most or rows, rows) / rows), cut, measure)

    def measure(self, trial: Trial, share: float) -> Trial:
        """The trial after one more round; one that can't be trained, converted or doesn't converge has failed."""
        try:
            with threadpool_limits(1, user_api="blas"):  # whose sums differ in the last bits with the number of threads
                return self._measure(trial, share)
        except Exception as error:  # whatever a library says of settings that nobody tried before
            reason = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
            return msgspec.structs.replace(trial, failed=reason[:500])

    def base_rate(self) -> float:
        """Loss of who always says what is most often true: the classes' shares, or the mean."""
        return float(np.mean([self._constant(learn, measure) for learn, measure in self.parts]))

    def _measure(self, trial: Trial, share: float) -> Trial:
        drawn = folds.sampled(self.rows, self.schema, max(share, min(1.0, FEW / len(self.rows))))
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            losses = [self._losses(trial.settings, learn & drawn, measure) for learn, measure in self.parts]
        train, validation = np.mean(losses, axis=0).tolist()
        if not np.isfinite(train + validation):
            raise BadInput("its loss is no number: it diverged")
        found = {"rows": int((self.parts[-1][0] & drawn).sum()), "train": train, "validation": validation}
        return msgspec.structs.replace(trial, rounds=trial.rounds + 1, **found)

    def _losses(self, settings: dict[str, Any], learn: NDArray[np.bool_], measure: NDArray[np.bool_]) -> list[float]:
        graph, classes = fit.fit(self.build(settings), self.rows[learn], self.schema, self.seed)
        model = Model(graph, export.bare(self.schema, classes))
        return [self.loss(rows, model.info, model.predict(rows)) for rows in (self.rows[learn], self.rows[measure])]

    def _constant(self, learn: NDArray[np.bool_], measure: NDArray[np.bool_]) -> float:
        target, rows = fit.target(self.rows[learn], self.schema), self.rows[measure]
        if self.schema.task == "regression":
            return self.loss(rows, export.bare(self.schema, []), np.full((len(rows), 1), target.mean()))
        classes, counts = np.unique(target, return_counts=True)
        info = export.bare(self.schema, classes.tolist())
        return self.loss(rows, info, np.tile(counts / counts.sum(), (len(rows), 1)))
