"""What a check of production costs where there is much of it: time and memory, as frames and from the store."""

import gc
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context

from benchmarks.claims import Claim
from benchmarks.flights import asked, flights, ordinal, trained
from mlops.store import Outcome, Prediction, Store
from mlops.watching import baseline, check, traffic
from mlops.watching.baseline import Baseline
from mlops.watching.record import Monitor
from mlops.watching.traffic import Seen, Span
from problem.schema import SCHEMA

CHUNK = 20_000
PEAK = "peak memory, training the model included, MiB"


def many(n_rows: int) -> tuple[list[Claim], dict[str, float]]:
    """Time and memory of a check of June, repeated to `n_rows`: as frames; a hundredth of them from SQLite, too."""
    found = of_frames(n_rows)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found |= pool.submit(_stored, n_rows // 100).result()
    ratio = (found["counting, s"] + found["levels, s"]) / found["predicting, s"]
    return [
        Claim(f"check of {n_rows:,} predictions as frames / the model's time to predict them", ratio),
        *(Claim(f"    {name}", value) for name, value in found.items()),
    ], found


def of_frames(n_rows: int) -> dict[str, float]:
    """The first part alone."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # a process of its own, whose peak memory is the check's
        return pool.submit(_many, n_rows).result()


def _many(n_rows: int) -> dict[str, float]:
    made, base = trained()
    rows, day = flights()
    june = (
        rows[(day >= ordinal(6)) & (day < ordinal(7))]
        .sample(CHUNK, replace=True, random_state=0)
        .sort_values("time_hour")
    )
    batch, seen = baseline.read(june, made), Seen(base.info, base.plan)
    predicting = _timed(lambda: made.predict(june)) * n_rows / CHUNK
    seen.take(batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counting = _timed(lambda: [seen.take(batch) for _ in range(n_rows // CHUNK - 1)])
    judged = _timed(lambda: _judged(base, seen))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "predicting, s": predicting, "counting, s": counting, "levels, s": judged,
        PEAK: peak / 1024,
        "of that by counting, MiB": (peak - before) / 1024,
    }  # fmt: skip


def _judged(base: Baseline, seen: Seen) -> Monitor:
    return check.judge(base, seen, Span.until(date(2013, 6, 30), 30, SCHEMA.zone), asked(30), "v1.0.0")


def _stored(n_rows: int) -> dict[str, float]:
    """The same through the store, on fewer rows, as filling it takes longest."""
    made, base = trained()
    rows, day = flights()
    june = rows[(day >= ordinal(6)) & (day < ordinal(7))]
    june = june.sample(n_rows, replace=True, random_state=0)
    inputs = june[SCHEMA.inputs].astype(object).where(june[SCHEMA.inputs].notna(), None).to_dict("records")
    outputs = [{"probabilities": {"0": a, "1": b}} for a, b in made.predict(june).tolist()]
    now, seen = datetime.now(UTC), Seen(base.info, base.plan)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.connect(f"sqlite:///{folder}/store.db")
        times, late = june["time_hour"].dt.to_pydatetime(), june["late"]
        for first in range(0, n_rows, CHUNK):
            part = range(first, min(first + CHUNK, n_rows))
            predictions = [
                Prediction(
                    id=str(i), version="v1.0.0", at=now, event_time=times.iloc[i], row=inputs[i], output=outputs[i]
                )
                for i in part
            ]
            store.add(predictions, [Outcome(id=str(i), at=now, value=int(late.iloc[i])) for i in part])
        span = Span.until(date(2013, 6, 30), 30, SCHEMA.zone)
        del inputs, outputs
        gc.collect()

        def take() -> None:
            for batch, _ in traffic.batches(store, base.info, "v1.0.0", span):
                seen.take(batch)

        seconds = _timed(take)
    return {f"read from SQLite, {n_rows:,} rows, s": seconds}


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
