"""From the spool to the store: whole files, again and again until the store has them."""

import os
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import IO

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from mlops.serving.collection import SUFFIX, Spool, abandoned
from mlops.serving.logs import log
from mlops.store import Outcome, Prediction, Store

BATCH = 2000  # lines a transaction
SLOWEST = 30.0  # seconds between two tries, at most


class _Written(Prediction, frozen=True, tag="prediction"):
    """As it stands in the spool: what the store keeps as JSON isn't parsed on the way."""

    row: msgspec.Raw
    output: msgspec.Raw


Record = _Written | Outcome
_DECODER = msgspec.json.Decoder(Record)


class Shipper(threading.Thread):
    """Delivers every `interval` seconds, less often while the store fails. A delivery repeated does no harm, as the
    store knows ids; so a process may die at any point.
    """

    def __init__(self, spool: Spool, folder: Path, store: Store, interval: float, failed: Callable[[], None]) -> None:
        super().__init__(name="shipping", daemon=True)
        self._spool, self._folder, self._store = spool, folder, store
        self._interval, self._failed = interval, failed
        self._ended = threading.Event()

    def run(self) -> None:
        pause = self._interval
        while not self._ended.wait(pause):
            pause = self._interval if self.ship() else min(2 * pause, max(SLOWEST, self._interval))

    def stop(self) -> None:
        """Ship once more what there is; what can't be stays in the spool for the next start."""
        self._ended.set()
        self.join()
        self.ship()

    def ship(self) -> bool:
        """Deliver what waits, then what was written since; False where the store or the disk failed."""
        try:
            self._deliver_all()
            if self._spool.rotate():
                self._deliver_all()
        except (SQLAlchemyError, OSError) as error:
            self._failed()
            log("error", "not shipped; the spool keeps it", reason=str(error).splitlines()[0])
            return False
        return True

    def _deliver_all(self) -> None:
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            file = abandoned(path)
            if file is not None:
                with os.fdopen(file, "rb") as lines:
                    self._deliver(path, lines)

    def _deliver(self, path: Path, lines: IO[bytes]) -> None:
        damaged = 0
        while batch := list(islice(lines, BATCH)):
            records = [record for record in map(_parse, batch) if record]
            damaged += len(batch) - len(records) - (not batch[-1].endswith(b"\n"))
            self._store.add(
                [record for record in records if isinstance(record, Prediction)],
                [record for record in records if isinstance(record, Outcome)],
            )
        if damaged:
            log("error", "lines of the spool can't be read; the file is kept", lines=damaged, file=str(path))
            path.rename(path.with_suffix(".damaged"))
        else:
            path.unlink(missing_ok=True)


def _parse(line: bytes) -> Record | None:
    """None for a last line without its end, as no answer left before it was whole, and for one that is damaged."""
    if not line.endswith(b"\n"):
        return None
    try:
        return _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
