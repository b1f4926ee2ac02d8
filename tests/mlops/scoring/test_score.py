"""Partitions are scored once and whole, whatever happens in between."""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from mlops.scoring import score
from mlops.scoring.places import Place, partitions
from tests.cluster import ENVIRONMENT
from tests.mlops.scoring.conftest import rows

RUN = """
import pickle, resource, sys
from mlops.scoring.places import partitions
job = pickle.load(open(sys.argv[1], "rb"))
for part in partitions(job.source, job.target)[1]:
    print(job.score(part), flush=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def put(job, name, table):
    path = Path(job.source.url, name)
    table.to_parquet(path, index=False) if name.endswith("parquet") else table.to_csv(path, index=False)


def predicted(job, name):
    return pd.read_parquet(Path(job.target.url, name))


def written(job):
    """What lies there, by name: which file it is, and when it was written."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in Path(job.target.url).iterdir()}


def test_an_output_lets_its_rows_be_joined_back(job, done):
    table = rows(20)
    put(job, "a.parquet", table)
    put(job, "b.csv", table)
    assert {one.mark.rows for one in done().values()} == {20}
    found, other = predicted(job, "a.parquet"), predicted(job, "b.parquet")
    assert list(found) == ["file", "row", "probability_0", "probability_1", "version"]
    assert (found["file"] == "a.parquet").all()
    assert (found["version"] == "v1.0.0").all()
    assert found["row"].tolist() == list(range(20))
    pd.testing.assert_frame_equal(found.drop(columns="file"), other.drop(columns="file"))
    assert table.join(found.set_index("row")).notna()["probability_1"].all()


def test_how_many_at_a_time_changes_no_prediction(job, done):
    put(job, "a.parquet", rows(50))
    done()
    few = predicted(job, "a.parquet")
    done(replace(job, version="v2", size=1000))
    pd.testing.assert_frame_equal(few.drop(columns="version"), predicted(job, "a.parquet").drop(columns="version"))


def test_what_is_finished_stays_and_what_changed_is_done_again(job, done):
    for name in ("a.csv", "b.csv"):
        put(job, name, rows(20))
    assert [one.before for one in done().values()] == [False, False]
    before = written(job)
    put(job, "b.csv", rows(21))
    found = done()
    assert [(one.before, one.mark.rows) for one in found.values()] == [(True, 20), (False, 21)]
    assert written(job)["a.parquet"] == before["a.parquet"]
    assert written(job)["b.parquet"] != before["b.parquet"]
    assert [one.before for one in done(replace(job, version="v1.1.0")).values()] == [False, False]
    assert set(predicted(job, "a.parquet")["version"]) == {"v1.1.0"}


def test_a_file_without_rows_gives_one_without_predictions(job, done):
    for name in ("a.parquet", "b.csv"):
        put(job, name, rows(3).iloc[:0])
    assert [one.mark.rows for one in done().values()] == [0, 0]
    assert len(predicted(job, "a.parquet")) == len(predicted(job, "b.parquet")) == 0


@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_what_somebody_else_wrote_there_is_replaced(job, done, content):
    put(job, "a.csv", rows(20))
    Path(job.target.url).mkdir()
    path = Path(job.target.url, "a.parquet")
    rows(3).to_parquet(path) if content is None else path.write_bytes(content)
    assert [one.before for one in done().values()] == [False]
    assert len(predicted(job, "a.parquet")) == 20


def test_a_file_that_can_not_be_scored_leaves_the_others_alone_and_nothing_behind(job, done):
    put(job, "a.csv", rows(20).drop(columns="open"))
    put(job, "b.csv", rows(20).assign(gates=12))
    found = done()
    assert "a.csv: column 'open' is missing" in found["a.csv"].failed
    assert list(written(job)) == ["b.parquet"]
    text = score.told(list(found.values()), "v1.0.0", 1.0)
    assert text.startswith("partitions: 1 scored by v1.0.0, 0 done before, 1 failed; 20 rows in 1.0 s\n")
    assert text.endswith("predicted from all the same: gates 20")


def test_an_output_that_can_not_be_written_is_named(job, done):
    put(job, "a.csv", rows(3))
    Path(job.target.url).write_text("a file")
    assert done()["a.csv"].failed == f"{job.target.url}/a.parquet: can't be written (File exists)"


@pytest.fixture
def run(job, tmp_path):
    """Scores in a process of its own, as many rows at a time as people do; what it said, line by line."""
    (tmp_path / "job").write_bytes(pickle.dumps(replace(job, size=50_000)))
    command = [sys.executable, "-c", RUN, tmp_path / "job"]
    return lambda: subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


def test_after_a_kill_the_rest_is_done_and_no_row_is_there_twice(job, run):
    table = rows(60_000)
    for number in range(4):
        put(job, f"{number}.parquet", table)
    with run() as scorer:
        scorer.stdout.readline()
        os.kill(scorer.pid, signal.SIGKILL)
    finished = {name: how for name, how in written(job).items() if not name.startswith(".")}
    assert 1 <= len(finished) < 4
    with run() as scorer:
        said = scorer.stdout.read().splitlines()
    assert sum("before=True" in line for line in said) == len(finished)
    assert sorted(written(job)) == [f"{number}.parquet" for number in range(4)]
    assert written(job).items() >= finished.items()
    found = pd.read_parquet(job.target.url)
    assert len(found) == len(found.drop_duplicates(["file", "row"])) == 240_000


def test_memory_does_not_grow_with_the_file(job, run):
    table = rows(50_000)

    def peak(times):
        put(job, "a.parquet", pd.concat([table] * times))
        with run() as scorer:
            return int(scorer.stdout.read().splitlines()[-1])

    assert peak(10) < 1.2 * peak(1)


def test_a_bucket_is_scored_into_a_bucket(job, done, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    put(job, "a.parquet", rows(20))
    put(job, "b.csv", rows(20))
    done()
    there = Place.of("s3://models/scored")
    system, root = fsspec.filesystem("s3"), "models/scored"
    system.put(job.source.url, f"{root}/rows", recursive=True)
    bucket = replace(job, source=Place.of(f"{there.url}/rows"), target=Place.of(f"{there.url}/predictions"))
    assert [one.before for one in done(bucket).values()] == [False, False]
    assert [one.before for one in done(bucket).values()] == [True, True]
    for name in ("a.parquet", "b.parquet"):
        with system.open(f"{root}/predictions/{name}") as file:
            pd.testing.assert_frame_equal(pd.read_parquet(file), predicted(job, name))
    one, parts = partitions(Place.of(f"{there.url}/rows/b.csv"), bucket.target)
    assert (one, [part.name for part in parts]) == (bucket.source, ["b.csv"])
    with system.open(f"{root}/rows/b.csv", "wb") as file:
        file.write(b"code\n")
    assert done(bucket)["b.csv"].failed.startswith("s3://models/scored/rows/b.csv: column 'gates' is missing")


def test_a_bucket_that_can_not_be_reached_is_named(job, monkeypatch, keys):  # noqa: ARG001
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    put(job, "a.csv", rows(3))
    found = replace(job, target=Place.of("s3://models/x")).score(partitions(job.source, job.target)[1][0])
    assert found.failed.startswith("s3://models/x: ")
