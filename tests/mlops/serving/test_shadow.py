import threading

import pytest

from mlops.serving import shadow
from mlops.serving.answers import Asked
from mlops.serving.shadow import Shadow


class Rival:
    """One that scores when it is let."""

    def __init__(self):
        self.may = threading.Event()

    def score(self, asked):
        self.may.wait(10)
        return list(asked.ids)


@pytest.fixture
def made():
    kept, failed, dropped = [], [], []
    shadowing = Shadow(kept.append, lambda *words: failed.append(words), dropped.append)
    shadowing.kept, shadowing.failed_rows, shadowing.dropped_rows = kept, failed, dropped
    return shadowing


def rows(*ids):
    return Asked(ids, [None] * len(ids), [None] * len(ids), {})


def test_one_after_another_and_all_that_wait_before_it_ends(made):
    rival = Rival()
    made.start()
    for id in "abc":
        made.offer(rival, rows(id))
    rival.may.set()
    made.stop()
    assert made.kept == [["a"], ["b"], ["c"]]


def test_what_it_can_not_keep_up_with_is_dropped_at_once_and_counted(made, monkeypatch):
    monkeypatch.setattr(shadow, "MOST", 3)
    rival = Rival()
    made.start()
    for ids in ("ab", "cd", "ef"):
        made.offer(rival, rows(*ids))
    assert made.dropped_rows == [2]
    rival.may.set()
    made.stop()
    assert made.kept == [["a", "b"], ["c", "d"]]


def test_a_disk_that_takes_nothing_ends_nothing(made, monkeypatch):
    rival = Rival()
    rival.may.set()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(made, "_keep", full)
    made.offer(rival, rows("a", "b"))
    made.start()
    made.stop()
    assert [(error.errno, count) for _, error, count in made.failed_rows] == [(28, 2)]
