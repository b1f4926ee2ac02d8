import threading

import numpy as np
import pytest

from mlops.serving import shadow
from mlops.serving.answers import Asked
from mlops.serving.shadow import Shadow
from tests.waiting import PATIENCE


class Rival:
    """One that scores when it is let, and breaks on `x`."""

    def __init__(self):
        self.may = threading.Event()

    def score(self, asked):
        self.may.wait(PATIENCE)
        if "x" in asked.ids:
            raise ValueError("x")
        assert asked.tensors["id"].tolist() == [[ord(id)] for id in asked.ids]
        return list(asked.ids)


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(shadow, "PAUSE", 0.01)
    kept, failed, dropped = [], [], []
    shadowing = Shadow(kept.append, lambda _, error, count: failed.append((str(error), count)), dropped.append)
    shadowing.kept, shadowing.failures, shadowing.drops = kept, failed, dropped
    return shadowing


def rows(ids):
    return Asked(list(ids), [None] * len(ids), [None] * len(ids), {"id": np.array([[ord(id)] for id in ids])})


def score(made, *work):
    """Offer all this, and wait until it is done."""
    for rival, ids in work:
        rival.may.set()
        made.offer(rival, rows(ids))
    made.start()
    made.stop()
    return ["".join(ids) for ids in made.kept]


def test_what_waits_is_scored_at_once_before_it_ends(made):
    rival = Rival()
    assert score(made, (rival, "a"), (rival, "bc"), (rival, "d")) == ["abcd"]


def test_a_batch_is_of_one_rival_and_not_too_large(made, monkeypatch):
    monkeypatch.setattr(shadow, "BATCH", 3)
    one, other = Rival(), Rival()
    work = [(one, "ab"), (one, "c"), (one, "d"), (other, "efghi"), (other, "j"), (one, "k")]
    assert score(made, *work) == ["abc", "d", "efghi", "j", "k"]


def test_a_request_that_breaks_the_challenger_spoils_no_other(made):
    rival = Rival()
    assert score(made, (rival, "ab"), (rival, "xy"), (rival, "c")) == ["ab", "c"]
    assert made.failures == [("x", 2)]


def test_what_it_can_not_keep_up_with_is_dropped_at_once_and_counted(made, monkeypatch):
    monkeypatch.setattr(shadow, "MOST", 3)
    rival = Rival()
    for ids in ("ab", "cd", "ef"):
        made.offer(rival, rows(ids))
    assert made.drops == [2]
    assert score(made, (rival, "g")) == ["abcd"]
    assert made.drops == [2, 1]


def test_a_disk_that_takes_nothing_ends_nothing(made, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(made, "_keep", full)
    assert score(made, (Rival(), "ab")) == []
    assert made.failures == [("[Errno 28] No space left on device", 2)]
