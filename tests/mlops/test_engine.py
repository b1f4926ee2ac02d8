"""A map is the same here and on a cluster of separate processes, also where some of them die."""

import sys
import threading
import traceback

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops import engine
from mlops.contract import BadInput, Schema, column
from mlops.training import search
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("cluster")  # so that it is started once


def test_the_local_map_makes_one_at_a_time():
    seen = []
    with engine.opened("local") as mapping:
        found = mapping(lambda number: seen.append(number) or number, range(3))
        assert (next(found), seen) == (0, [0])


def test_what_waits_for_a_thread_is_left_where_the_block_fails():
    begun, going = [], threading.Event()

    def work(number):
        begun.append(number)
        if number:
            going.wait(PATIENCE)

    def interrupted():
        with engine.opened("local", threads=2) as mapping:
            next(mapping(work, range(50)))
            raise KeyboardInterrupt

    def let_go():
        eventually(lambda: "join" in calls(threading.main_thread()))  # the block has ended, and waits for its threads
        going.set()

    watch = threading.Thread(target=let_go)
    watch.start()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    watch.join()
    assert len(begun) <= 3


def calls(thread):
    """Names of the functions that a thread is in."""
    return {frame.f_code.co_name for frame, _ in traceback.walk_stack(sys._current_frames()[thread.ident])}


def test_results_come_in_the_order_of_the_items_and_few_are_on_their_way(mapping):
    given = []
    found = mapping(str.upper, (given.append(text) or text for text in "abcdefghijklmnop"))
    assert next(found) == "A"
    assert len(given) <= engine.AHEAD * 2
    assert "".join(found) == "BCDEFGHIJKLMNOP"
    assert list(mapping(str.upper, [])) == []


def test_a_fault_of_one_item_is_told_as_it_is_here(mapping):
    def refuse(number):
        if number == 2:
            raise BadInput("two: choose another")
        return number

    found = mapping(refuse, range(5))
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(BadInput, match=r"^two: choose another$"):
        next(found)


def test_trials_come_out_as_they_do_here(mapping):
    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(600, 2)), columns=["x", "z"])
    rows["y"] = (rows["x"] + random.normal(size=600) > 0).astype(int)
    numbers = {name: column("number", "input") for name in "xz"}
    schema = Schema(task="binary", columns={**numbers, "y": column("integer", "target")})

    def build(settings):
        return lambda _: make_pipeline(StandardScaler(), LogisticRegression(**settings))

    def brier(rows, _, predicted):
        return float(((predicted[:, -1] - rows["y"]) ** 2).mean())

    trials = [search.Trial(number=n, settings={"C": 10.0**n}) for n in (-2, -1, 0)]
    trials.append(search.Trial(number=7, settings={"C": -1.0}))
    bench = search.Bench(rows, schema, 2, build, brier, 0)
    told = []
    found = bench.run(trials, 3, None, told.append, mapping)
    assert found == bench.run(trials, 3, None, lambda _: None)
    assert len(told) > len(trials)
    assert found[-1].failed


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    import dask

    monkeypatch.setenv(engine.ADDRESS, "tcp://127.0.0.1:1")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.3s"}),
        pytest.raises(BadInput, match=r"^tcp://127.0.0.1:1: no scheduler of Dask answers .*DASK_SCHEDULER_ADDRESS"),
        engine.opened("dask") as mapping,
    ):
        next(mapping(str, [1]))


def test_a_cluster_is_not_looked_for_where_there_is_nothing_to_do(monkeypatch):
    monkeypatch.setenv(engine.ADDRESS, "tcp://127.0.0.1:1")
    with engine.opened("dask") as mapping:
        assert list(mapping(str, [])) == []


def test_dask_that_is_not_installed_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(BadInput, match=r"engine is dask, but .*`uv sync --group dask`"),
        engine.opened("dask") as mapping,
    ):
        next(mapping(str, [1]))


def test_a_tree_whose_code_a_cluster_does_not_have_runs_here(monkeypatch):
    monkeypatch.setenv(engine.SWITCH, "local")
    with engine.opened("dask", "tcp://127.0.0.1:1") as mapping:
        assert list(mapping(str, [1])) == ["1"]
