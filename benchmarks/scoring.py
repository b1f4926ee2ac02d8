"""Scoring many rows: over bare onnxruntime, in how much memory, and what a cluster adds."""

import shutil
import time
from statistics import median

import numpy as np
import pyarrow.parquet as pq

from benchmarks.claims import Claim
from benchmarks.replicas import MONTHS, Project, Took, bundled
from mlops import engine
from mlops.artifact import Model, feeds
from problem.schema import SCHEMA

BARE, FILES, WHOLE, CLUSTER = "onnxruntime, one thread", "score, files", "score, one file", "score, Dask with 2 workers"
ITEMS, WORKERS = 1000, 100


def release(clone: Project) -> None:
    """Make the committed model a version, and put it into production."""
    for tag in ("model@v1.0.0", "model#prod#1"):
        clone.run("git", "tag", "--annotate", "--message", "scale", tag)


def scored(clone: Project, trials: int, cluster: bool) -> dict[str, list[Took]]:
    """The step on all files, and on one that holds all rows; and the model on the same rows as arrays in memory."""
    found: dict[str, list[Took]] = {FILES: [], BARE: [], WHOLE: []}
    with pq.ParquetWriter(clone.root / "rows.parquet", pq.read_schema(clone.files[0])) as writer:
        for file in clone.files:
            writer.write_table(pq.read_table(file))
    for _ in range(trials):
        found[FILES].append(_score(clone, "data"))
        found[BARE].append(_bare(clone))
        found[WHOLE].append(_score(clone, "rows.parquet"))
    if cluster:
        clone.set("engine: local", "engine: dask")
        found[CLUSTER] = [_score(clone, "data")]
        clone.reset()
    (clone.root / "rows.parquet").unlink()
    return found


def _score(clone: Project, rows: str) -> Took:
    shutil.rmtree(clone.root / "scored", ignore_errors=True)
    return clone.step("score", rows, "scored")


def _bare(clone: Project) -> Took:
    model = Model.load(clone.root / ".dvc/tmp/score/v1.0.0/artifacts")
    arrays = [feeds(bundled(month).iloc[:: clone.thinned], SCHEMA) for month in MONTHS]
    begin, busy = time.perf_counter(), time.process_time()
    for _ in range(clone.times):
        for tensors in arrays:
            model.run(tensors)
    return Took(time.perf_counter() - begin, time.process_time() - busy, 0)


def overhead() -> float:
    """Seconds that Dask takes for one item on which nothing is done, its two workers being there."""
    with engine.opened("dask") as mapping:
        list(mapping(abs, range(10)))
        begin = time.perf_counter()
        list(mapping(abs, range(ITEMS)))
        return (time.perf_counter() - begin) / ITEMS


def claims(small: dict[str, list[Took]], large: dict[str, list[Took]], size: str, files: int) -> list[Claim]:
    bare = median(one.seconds for one in large[BARE])
    speed = {name: bare / median(one.seconds for one in large[name]) for name in (WHOLE, FILES)}
    memory = large[WHOLE][0].memory / small[WHOLE][0].memory
    return [
        Claim(f"{WHOLE} at {size}, read and written / {BARE}, rows/s", speed[WHOLE], 0.7, at_least=True),
        Claim(f"{FILES}, two at a time, at {size} / the same, rows/s", speed[FILES], 0.7, at_least=True),
        Claim(f"score of one file at {size}, peak memory / of a tenth of its rows", memory, 1.2),
        *(_predicted(large, files) if CLUSTER in large else ()),
    ]


def _predicted(found: dict[str, list[Took]], files: int) -> list[Claim]:
    """On paper: workers share the files, and one scheduler hands them out, one after the other."""
    local, each = median(one.seconds for one in found[FILES]), overhead()
    a_file = median(one.processor for one in found[FILES]) / files
    return [
        Claim("score, Dask with 2 workers on these 2 cores / local, s", found[CLUSTER][0].seconds / local),
        Claim("    Dask's own time a file, ms", 1000 * each),
        Claim(
            f"    on paper: {WORKERS} workers, such files, times one worker", float(np.minimum(WORKERS, a_file / each))
        ),
        Claim(f"    on paper: s a file from which on it is {WORKERS} times", WORKERS * each),
    ]
