"""Partitions scored on a cluster are those that are scored here, byte for byte, also where a worker is killed."""

import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mlops.scoring.places import Place, partitions
from tests.cluster import who
from tests.mlops.scoring.conftest import rows

pytestmark = pytest.mark.xdist_group("cluster")  # so that it is started once


def test_what_a_worker_had_when_it_was_killed_others_do_again(job, done, dask, mapping, tmp_path):
    for number in range(20):
        rows(500, seed=number).to_parquet(Path(job.source.url, f"{number:02}.parquet"), index=False)
    here = done()
    there = replace(job, target=Place.of(str(tmp_path / "there")))
    parts, third = partitions(job.source, there.target)[1], dask.worker()
    dask.ready()
    workers, found = set(), []
    for pid, one in mapping(partial(who, there.score), parts * 3):
        workers.add(pid)
        found.append(one)
        if pid == third.pid and third.poll() is None:
            os.kill(third.pid, signal.SIGKILL)
            third.wait()
    assert len(workers) == 3
    assert [one.mark for one in found] == [one.mark for one in here.values()] * 3
    for part in parts:
        made = [Path(place.url, part.output).read_bytes() for place in (job.target, there.target)]
        assert made[0] == made[1]
