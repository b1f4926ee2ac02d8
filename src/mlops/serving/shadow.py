"""The challenger in shadow: it scores what was answered after the answer has left, and never in anybody's way."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from mlops.serving.answers import Asked
from mlops.serving.challenger import Rival
from mlops.store import Prediction

MOST = 20_000  # rows that wait; more are dropped and counted


class Shadow(threading.Thread):
    """Scores one request after another.

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
        self._queue: SimpleQueue[tuple[Rival, Asked] | None] = SimpleQueue()
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
        while (work := self._queue.get()) is not None:
            rival, asked = work
            try:
                self._keep(rival.score(asked))
            except Exception as error:  # onnxruntime raises what it likes, and the disk may be full
                self._failed(rival, error, len(asked.ids))
            self._done += len(asked.ids)
