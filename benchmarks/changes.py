"""Changes that do nothing and changes that do something, trained and judged: the trials of `benchmarks.verdict`."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from mlops import params
from mlops.artifact import Model
from mlops.contract import Schema, column, save
from mlops.judging import footprint, metrics
from mlops.judging.judge import judge
from mlops.judging.metrics import Floats
from mlops.judging.record import Changes, Facts, Ratio, Side
from mlops.judging.sides import Trained
from mlops.training import fit, read, sample, split, validate
from problem import model
from problem.schema import SCHEMA

ROOT = Path(__file__).parents[1]
PROBLEMS = ("late flights", "log of delay")
FACTS = Facts(base=Side(commit="0" * 40), head=Side(commit="1" * 40), changes=Changes())
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")


@dataclass(frozen=True)
class Recipe:
    """How a side differs from the example: settings of the boosting, inputs, their order, share of shuffled labels."""

    boosting: tuple[tuple[str, Any], ...] = ()
    drop: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    permuted: bool = False
    noise: float = 0.0


def boosted(**settings: Any) -> Recipe:
    return Recipe(boosting=tuple(settings.items()))


@dataclass(frozen=True)
class Change:
    """From one recipe to another or, where it `redraws`, to other salts and seeds."""

    name: str
    base: Recipe
    head: Recipe
    nothing: bool = False
    redraws: bool = False


def _nothing(name: str, **settings: Any) -> Iterator[Change]:
    """Changes of a model that do nothing but alter its predictions."""
    example, subsampling = boosted(**settings), boosted(**settings, max_features=0.5)
    yield Change(f"other salts and seeds, {name}", example, example, nothing=True, redraws=True)
    yield Change(f"permuted columns, {name}", subsampling, replace(subsampling, permuted=True), nothing=True)
    yield Change(f"200 bins instead of 255, {name}", example, boosted(**settings, max_bins=200), nothing=True)


COSTS: dict[tuple[str, Change], list[Ratio]] = {}
MEASURE = footprint.measure
NOTHING = (*_nothing("deterministic"), *_nothing("early stopping", early_stopping=True))
KNOWN = tuple(
    Change(name, Recipe(), head)
    for name, head in {
        "learning rate 0.1": boosted(learning_rate=0.1),
        "learning rate 0.2": boosted(learning_rate=0.2),
        "learning rate 0.4": boosted(learning_rate=0.4),
        "200 trees": boosted(max_iter=200),
        "5 trees": boosted(max_iter=5),
        "8 leaves": boosted(max_leaf_nodes=8),
        "63 leaves": boosted(max_leaf_nodes=63),
        "L2 penalty 100": boosted(l2_regularization=100.0),
        "without hour": Recipe(drop=("hour",)),
        "without weather": Recipe(drop=WEATHER),
        "month as an input": Recipe(add=("month",)),
        "half of labels shuffled": Recipe(noise=0.5),
    }.items()
)


@dataclass(frozen=True)
class Problem:
    """Rows as `prepare` leaves them, with the samples of every draw."""

    schema: Schema
    train: pd.DataFrame
    test: pd.DataFrame
    limits: params.Params


@cache
def problem(name: str, draws: int, judging: params.Judge) -> Problem:
    """The example, or the same flights with their delay as a regression's target."""
    rows = pd.concat([validate.clean(path, SCHEMA) for path in read.partitions(ROOT / "data")], ignore_index=True)
    schema = SCHEMA
    if name == "log of delay":
        rows["arr_delay"] = np.log1p(rows["arr_delay"].clip(lower=0))
        columns = {"arr_delay": column("number", "target"), "late": column("integer", "ignored")}
        schema = msgspec.structs.replace(SCHEMA, task="regression", columns=SCHEMA.columns | columns)
    limits = msgspec.structs.replace(params.load(ROOT), judge=judging)
    samples = 2 * draws * judging.trainings  # twice, as some heads get other salts
    prepare = msgspec.structs.replace(limits.prepare, sample_rows=judging.sample_rows, samples=samples)
    with warnings.catch_warnings(action="ignore", category=pd.errors.PerformanceWarning):  # so many samples
        return Problem(schema, *split.split(rows, schema, prepare), limits)


@dataclass(frozen=True)
class Trial:
    """One change in one draw: the judge's estimate and decision, and what each of METHODS calls it."""

    problem: str
    change: str
    nothing: bool
    draw: int
    effect: float
    detectable: float
    accepted: bool
    reasons: list[str]
    judge: str
    rows: str
    raw: str


def run(name: str, draw: int, draws: int, judging: params.Judge, changes: Sequence[Change]) -> list[Trial]:
    """All trials of one draw; a side that several changes share is trained once."""
    known = problem(name, draws, judging)
    with tempfile.TemporaryDirectory() as scratch:

        @cache
        def trained(recipe: Recipe, number: int) -> tuple[Trained, Floats]:
            return _train(known, recipe, number, Path(tempfile.mkdtemp(dir=scratch)))

        return [
            _trial(name, known, change, draw, trained(change.base, draw),
                   trained(change.head, draw + draws * change.redraws))
            for change in changes
        ]  # fmt: skip


def _train(known: Problem, recipe: Recipe, draw: int, folder: Path) -> tuple[Trained, Floats]:
    """One side as `train` leaves it, and the losses of its first training on the test rows."""
    schema, numbers = _schema(recipe, known.schema, draw), range(known.limits.judge.trainings)
    marks = [f"{sample.MARK}{len(numbers) * draw + n}" for n in numbers]
    rows = known.train.loc[known.train[marks].any(axis=1), [*known.schema.columns, *marks]]
    samples = [_noisy(part, schema.target, recipe.noise, draw) for part in fit.samples(rows)]

    def training(n: int) -> tuple[bytes, list[Any]]:
        return fit.fit(lambda seed: _estimator(recipe, known, schema, seed), samples[n], schema, 1000 * draw + n)

    graphs, classes = zip(*map(training, numbers), strict=True)
    info = fit.describe(graphs[0], classes[0], samples[0], schema, 1000 * draw, {})
    save(folder / "model.onnx", graphs[0])
    save(folder / "model.json", info)
    models = [Model(graph, info) for graph in graphs]
    loss = metrics.loss(schema.task, metrics.encoded(known.test, info), models[0].predict(known.test))
    return Trained(folder, models, rows, {}, reproducible=draw > 0 or training(0)[0] == graphs[0]), loss


def _schema(recipe: Recipe, schema: Schema, draw: int) -> Schema:
    columns = dict(schema.columns)
    for name in (*recipe.drop, *recipe.add):
        others = tuple(role for role in columns[name].roles if role not in ("input", "ignored"))
        roles = ("input", *others) if name in recipe.add else others or ("ignored",)
        columns[name] = msgspec.structs.replace(columns[name], roles=roles)
    if recipe.permuted:
        columns = {name: columns[name] for name in np.random.default_rng(draw).permutation(list(columns)).tolist()}
    return msgspec.structs.replace(schema, columns=columns)


def _noisy(rows: pd.DataFrame, target: str, share: float, draw: int) -> pd.DataFrame:
    """The targets of a share of rows, shuffled among these."""
    random = np.random.default_rng(draw)
    chosen, values = random.random(len(rows)) < share, rows[target].to_numpy(copy=True)
    values[chosen] = random.permutation(values[chosen])
    return rows.assign(**{target: values})


def _estimator(recipe: Recipe, known: Problem, schema: Schema, seed: int) -> Pipeline:
    settings = params.convert(known.limits.train.model, model.Settings, "params.yaml: train.model")
    pipeline = model.build(settings, schema, seed)
    if schema.task == "regression":
        same = ("learning_rate", "max_iter", "max_leaf_nodes", "early_stopping", "random_state")
        usual = pipeline["model"].get_params()
        pipeline.set_params(model=HistGradientBoostingRegressor(**{name: usual[name] for name in same}))
    return pipeline.set_params(**{f"model__{name}": value for name, value in recipe.boosting})


def _trial(
    name: str, known: Problem, change: Change, draw: int, base: tuple[Trained, Floats], head: tuple[Trained, Floats]
) -> Trial:
    measured = footprint.measure if change.nothing else partial(_costs, name, change)
    with patch.object(footprint, "measure", measured):
        found = judge(base[0], head[0], known.test, FACTS, known.limits.judge)
    loss, basis = found.metrics[0], found.basis
    if basis is None or basis.detectable is None or loss.base is None or loss.difference is None:
        raise ValueError(f"{change.name}: {found.verdict}, {found.why}")
    scale = 2 * loss.base if known.schema.task == "regression" else 1.0
    rows = (head[1] - base[1]) / scale
    error = rows.std(ddof=1) / len(rows) ** 0.5
    return Trial(
        problem=name, change=change.name, nothing=change.nothing, draw=draw, effect=loss.difference / scale,
        detectable=basis.detectable / scale, accepted=found.decision.accepted, reasons=found.decision.reasons,
        judge=found.verdict, rows=_call(rows.mean(), 1.96 * error), raw=_call(rows.mean(), 0.0005),
    )  # fmt: skip


def _costs(name: str, change: Change, base: Path, head: Path, limits: params.Judge) -> list[Ratio]:
    """The footprint of a change that does something: measured once, as it takes long and hardly depends on the draw."""
    if (name, change) not in COSTS:
        COSTS[name, change] = MEASURE(base, head, limits)
    return COSTS[name, change]


def _call(difference: float, noise: float) -> str:
    return "inconclusive" if abs(difference) <= noise else "better" if difference < 0 else "worse"
