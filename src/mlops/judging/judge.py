"""The judge: artifacts of both sides and the test rows -> a comparison. Knows nothing of git or DVC."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops import rows as row
from mlops.artifact import Predictor
from mlops.contract import BadInput, Schema
from mlops.judging import changes, comparison, footprint, gate, guards, metrics, sides
from mlops.judging.comparison import Evidence, Resamples
from mlops.judging.record import VERSION, Basis, Bin, Change, Comparison, Day, Drift, Estimate, Facts, Importance
from mlops.judging.sides import Trained
from mlops.params import Judge

MOST_DAYS, MOST_FILES = 400, 10_000


def judge(base: Trained, head: Trained, test: pd.DataFrame, facts: Facts, limits: Judge) -> Comparison:
    """Compare two sides on `test`, less every row that either trained on."""
    facts = _completed(facts, base, head)
    obstacle = sides.obstacle(base.info, head.info, test)
    if obstacle:
        return gate.without_training("incomparable", facts, [obstacle])
    facts = _with_relabelled(facts, sides.relabelled(base, head), head.info.schema.target)
    fresh = sides.fresh(test, base, head)
    rows = test.loc[fresh].reset_index(drop=True)
    if rows.empty:
        return gate.without_training("incomparable", facts, ["every day of the test holds training rows of one side"])
    evidence, block = _evidence(base, head, rows, limits)
    resamples = Resamples.draw(evidence.n_blocks, len(evidence.base), limits.resamples)
    estimates = _estimates(evidence, resamples, limits.confidence)
    loss = estimates[0]
    importance = guards.compare_importance(
        *(guards.importance(side.models[0], rows, evidence.target) for side in (base, head))
    )
    why = _suspicions(loss, importance, limits)
    verdict = gate.verdict(loss, why)
    slices = guards.slices(evidence, resamples, limits)
    costs = footprint.measure(base.folder, head.folder, limits)
    broken = gate.broken_guards(estimates, slices, costs, head.reproducible, limits.calibration_margin)
    return Comparison(
        version=VERSION,
        verdict=verdict,
        decision=gate.decide(verdict, why, broken),
        base=facts.base,
        head=facts.head,
        changes=facts.changes,
        why=why,
        basis=_basis(head, rows, int((~fresh).sum()), evidence, loss, block, limits, facts.released),
        metrics=estimates,
        slices=slices,
        calibration_margin=limits.calibration_margin,
        base_bins=_bins(evidence, evidence.base),
        head_bins=_bins(evidence, evidence.head),
        days=_per_day(evidence, _days(rows, base.info.schema)),
        footprint=costs,
        importance=importance,
        reproducible=head.reproducible,
    )


def _estimates(evidence: Evidence, resamples: Resamples, confidence: float) -> list[Estimate]:
    """Every metric of the task, its loss first."""
    known = metrics.by_task(evidence.task)
    with ThreadPoolExecutor() as pool:  # numpy lets go of the interpreter while it sums
        found = pool.map(lambda metric: comparison.difference(metric, evidence, resamples), known)
        return [comparison.estimate(*pair, confidence) for pair in zip(known, found, strict=True)]


def _suspicions(loss: Estimate, importance: list[Importance], limits: Judge) -> list[str]:
    """Why a better model is too good to be true."""
    better = loss.high is not None and loss.high < 0
    gain = 1 - loss.head / loss.base if loss.head is not None and loss.base else 0.0
    return guards.suspicions(gain, better, importance, limits)


def _completed(facts: Facts, base: Trained, head: Trained) -> Facts:
    """Add what only the artifacts tell: data, libraries, and how schema and data changed."""
    completed = [
        msgspec.structs.replace(
            known,
            libraries=side.info.libraries,
            data={name[:500]: part.md5 for name, part in list(side.data.items())[:MOST_FILES]},
        )
        for known, side in ((facts.base, base), (facts.head, head))
    ]
    schema = changes.schema(base.info.schema, head.info.schema)
    deciding = [
        f"src/problem/schema.py: {row.what} (which rows count, or what is guarded)"
        for row in schema
        if _decides(row, base.info.schema, head.info.schema)
    ]
    more = msgspec.structs.replace(
        facts.changes,
        flagged=[*facts.changes.flagged, *deciding][:200],
        schema=schema,
        data=changes.data(base.data, head.data),
        drift=changes.drift(base.data, head.data),
    )
    return msgspec.structs.replace(facts, base=completed[0], head=completed[1], changes=more)


def _slices(base: Trained, head: Trained) -> list[str]:
    """Slices of both sides, so that a head can't drop the one that it harms."""
    return list(dict.fromkeys([*base.info.schema.having("slice"), *head.info.schema.having("slice")]))


def _decides(change: Change, base: Schema, head: Schema) -> bool:
    """Does a change of the schema say which rows count, or what is guarded?"""
    if change.what in ("duplicates", "key", "zone"):
        return True
    before, after = base.columns.get(change.what), head.columns.get(change.what)
    roles = [set(column.roles) & {"slice", "time"} if column else set() for column in (before, after)]
    return roles[0] != roles[1] or any(column is not None and column.outliers == "drop" for column in (before, after))


def _with_relabelled(facts: Facts, share: float, target: str) -> Facts:
    if not share:
        return facts
    found = Drift(column=target, what="other values in", base="", head=f"{share:.2%} of the common rows", notable=True)
    more = msgspec.structs.replace(facts.changes, drift=[found, *facts.changes.drift][:500])
    return msgspec.structs.replace(facts, changes=more)


def _evidence(base: Trained, head: Trained, rows: pd.DataFrame, limits: Judge) -> tuple[Evidence, str]:
    """Predictions of every training, with blocks of rows; and what a block is, in words."""
    days = _days(rows, base.info.schema)
    if days is not None:
        block = comparison.blocks_of_days(days.astype(np.int64), limits.block)
        what = f"{limits.block} days" if limits.block > 1 else "1 day"
    else:
        block = comparison.blocks_of_rows(len(rows))
        what = "1 row" if len(rows) <= comparison.MOST_BLOCKS else "independent rows"
    if block.max() == 0:
        raise BadInput(
            f"the test period is a single block of {what}: nothing says how sure a difference is; "
            "lower judge.block, or raise prepare.test_period in params.yaml"
        )
    if len(base.models) != len(head.models):
        raise BadInput(f"the base has {len(base.models)} trainings and the head {len(head.models)}; run both again")
    evidence = Evidence(
        task=head.info.task,
        target=metrics.encoded(rows, head.info),
        base=_predictions(base, rows, "base"),
        head=_predictions(head, rows, "head"),
        block=block,
        slices={name: rows[name].astype("str").to_numpy(object) for name in _slices(base, head) if name in rows},
    )
    return evidence, what


def _basis(
    head: Trained,
    rows: pd.DataFrame,
    overlap: int,
    evidence: Evidence,
    loss: Any,
    block: str,
    limits: Judge,
    released: int,
) -> Basis:
    schema = head.info.schema
    time = row.local(rows[schema.time], schema.zone) if schema.time else None
    period = f"{time.min():%Y-%m-%d} to {time.max():%Y-%m-%d}" if time is not None else "rows chosen by hash"
    k = int(head.train.attrs["sample"]["halvings"])
    return Basis(
        task=evidence.task,
        target=schema.target,
        trainings=len(evidence.base),
        sample_rows=head.info.rows,
        sample_share=2.0**-k,
        test_rows=len(rows),
        overlap=overlap,
        period=period,
        blocks=evidence.n_blocks,
        block=block,
        confidence=limits.confidence,
        detectable=comparison.detectable(loss.low, loss.high, limits.confidence) if loss.low is not None else None,
        released=released,
    )


def _bins(evidence: Evidence, side: metrics.Floats) -> list[Bin]:
    """Calibration curve of a side, its trainings taken together; regressions have none."""
    metric = next((m for m in metrics.by_task(evidence.task) if m.name == "calibration_error"), None)
    if metric is None:
        return []
    sums = sum(
        metric.sums(evidence.target, predicted, evidence.block, evidence.n_blocks).sum(axis=0) for predicted in side
    )
    curve = zip(*metrics.calibration_bins(np.asarray(sums)), strict=True)
    return [
        Bin(rows=int(rows / len(side)), predicted=float(predicted), observed=float(observed))
        for rows, predicted, observed in curve
        if rows >= len(side)
    ]


def _predictions(side: Trained, rows: pd.DataFrame, name: str) -> metrics.Floats:
    """Of every training, shape (n_trainings, n_rows, n_outputs)."""
    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(lambda model: _predicted(model, rows, name), side.models)))


def _predicted(model: Predictor, rows: pd.DataFrame, side: str) -> metrics.Floats:
    """Predictions that are what they claim to be: finite, and probabilities where classes are predicted."""
    predicted, width = model.predict(rows), max(1, len(model.info.classes))
    what = "probabilities" if model.info.classes else "finite numbers"
    sound = predicted.shape == (len(rows), width) and bool(np.isfinite(predicted).all())
    if sound and model.info.classes:
        sound = bool((predicted >= 0).all() and (np.abs(predicted.sum(axis=1) - 1) < 1e-4).all())
    if not sound:
        raise BadInput(
            f"the {side}'s model.onnx doesn't predict {what} ({width} a row) on all {len(rows)} test rows; "
            "mend src/problem/model.py"
        )
    return predicted


def _days(rows: pd.DataFrame, schema: Schema) -> NDArray[np.datetime64] | None:
    """Local day of every row, shape (n_rows,)."""
    return None if schema.time is None else row.local(rows[schema.time], schema.zone).to_numpy("datetime64[D]")


def _per_day(evidence: Evidence, days: NDArray[np.datetime64] | None) -> list[Day]:
    """Difference of the mean loss on every local day."""
    if days is None:
        return []
    base, head = (side.mean(axis=0) for side in evidence.losses)
    labels, code, rows = np.unique(days, return_inverse=True, return_counts=True)
    means = np.bincount(code, head - base) / rows
    found = zip(labels, rows, means, strict=True)
    return [Day(day=str(day), rows=int(n), difference=float(mean)) for day, n, mean in found][-MOST_DAYS:]
