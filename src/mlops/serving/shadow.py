"""The challenger in shadow: it scores what was answered after the answer has left, and never in anybody's way."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue

from mlops.serving.answers import Asked
from mlops.serving.challenger import Rival
from mlops.store import Prediction

MOST = 20_000  # rows that wait; more are dropped and counted
BATCH = 500  # rows at once, if they aren't of one request: some milliseconds, of which the answers get their part
PAUSE = 0.05  # seconds between two batches, in which the next one gathers: row by row would cost ten times as much
Work = tuple[Rival, Asked]


class Shadow(threading.Thread):
    """Scores the rows of many requests at once.

    Parameters
    ----------
    keep
        Brings what was scored to disk; may raise OSError.
    failed, dropped
        Hear of rows that the challenger couldn't score, or not in time.
    """

    def __init__(
        self,
        keep: Callable[[list[Prediction]], None],
        failed: Callable[[Rival, Exception, int], None],
        dropped: Callable[[int], None],
    ) -> None:
        super().__init__(name="shadow", daemon=True)
        self._keep, self._failed, self._dropped = keep, failed, dropped
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._offered = self._done = 0  # rows; only the caller counts the first, only the thread the second

    def offer(self, rival: Rival, asked: Asked) -> None:
        """Score these rows soon, unless too many wait already. Returns at once."""
        if self._offered - self._done >= MOST:
            self._dropped(len(asked.ids))
            return
        self._offered += len(asked.ids)
        self._queue.put((rival, asked))

    def stop(self) -> None:
        """Score what waits, and end."""
        self._queue.put(None)
        self.join()

    def run(self) -> None:
        ended = False
        while not ended:
            waiting = [self._queue.get()]
            time.sleep(PAUSE)
            waiting += [self._queue.get() for _ in range(self._queue.qsize())]
            ended = waiting[-1] is None
            for batch in batches(filter(None, waiting)):
                self._score(batch)
                self._done += sum(len(asked.ids) for _, asked in batch)

    def _score(self, batch: list[Work]) -> None:
        """All together; where that fails, each request alone, so that one doesn't spoil the others."""
        (rival, first), *others = batch
        try:
            self._keep(rival.score(Asked.joined([asked for _, asked in batch]) if others else first))
        except Exception as error:  # onnxruntime raises what it likes, and the disk may be full
            if not others:
                self._failed(rival, error, len(first.ids))
                return
            for one in batch:
                self._score([one])


def batches(work: Iterable[Work]) -> Iterator[list[Work]]:
    """Requests that one rival can score at once, in their order."""
    batch: list[Work] = []
    rows = 0
    for rival, asked in work:
        if batch and (rival is not batch[0][0] or rows + len(asked.ids) > BATCH):
            yield batch
            batch, rows = [], 0
        batch.append((rival, asked))
        rows += len(asked.ids)
    if batch:
        yield batch
