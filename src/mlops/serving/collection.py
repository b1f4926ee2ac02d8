"""What the service answered, on disk before the answer leaves: a spool of JSON lines that `shipping` empties.

Each file belongs to the process that holds its lock. What a dead process leaves behind has no lock, and is anyone's to
ship, like what a living one is done with.
"""

import asyncio
import errno
import fcntl
import os
import threading
import time
from pathlib import Path

from mlops.contract import BadInput

SUFFIX = ".jsonl"


class Spool:
    """Appends to one file of `folder` at a time. Every method may be called from any thread, except `durable`."""

    def __init__(self, folder: Path, fsync: bool) -> None:
        self._folder = folder
        self._fsync = fsync
        self._lock = threading.Lock()
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path, self._file = self._create()
        except OSError as error:
            raise BadInput(f"{folder}: {error.strerror}; give --spool a folder that can be written") from None
        self._size = 0

    def append(self, lines: bytes) -> None:
        """Write all lines or none.

        Raises
        ------
        OSError
            The disk is full or broken; the file is as it was.
        """
        with self._lock:
            try:
                self._write(lines)
            except OSError:
                os.ftruncate(self._file, self._size)
                raise
            self._size += len(lines)

    def _write(self, lines: bytes) -> None:
        if os.write(self._file, lines) < len(lines):
            raise OSError(errno.ENOSPC, "the disk took only a part", str(self._path))

    async def durable(self) -> None:
        """With fsync, return when what was appended would survive a power cut; all that wait share one call."""
        if not self._fsync:
            return
        if self._next is None:
            self._next = asyncio.create_task(self._sync())
        await asyncio.shield(self._next)

    async def _sync(self) -> None:
        async with self._turn:
            self._next = None  # who appends from now on waits for the next call
            file = os.dup(self._file)  # `rotate` may close the other
            try:
                await asyncio.to_thread(os.fsync, file)
            finally:
                os.close(file)

    def rotate(self) -> bool:
        """Begin another file, so that what was written can be shipped; False where nothing was written."""
        if self._size == 0:
            return False
        path, file = self._create()
        with self._lock:
            if self._fsync:
                os.fsync(self._file)
            done, self._path, self._file, self._size = self._file, path, file, 0
        os.close(done)
        return True

    def close(self) -> None:
        """Leave no empty file behind. What was written stays, to be shipped."""
        with self._lock:
            if self._size == 0:
                self._path.unlink()
            os.close(self._file)

    def _create(self) -> tuple[Path, int]:
        """An empty file that is locked before others can see its name."""
        path = self._folder / f"{time.time_ns()}-{os.urandom(4).hex()}{SUFFIX}"
        hidden = path.with_suffix(".new")
        file = os.open(hidden, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        hidden.rename(path)
        if self._fsync:
            folder = os.open(self._folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return path, file


def abandoned(path: Path) -> int | None:
    """The file, opened and locked, if no process writes to it or ships it; else None."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # another process has shipped it
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def size(folder: Path) -> int:
    """Bytes that wait in a spool."""
    return sum(_size(path) for path in folder.glob(f"*{SUFFIX}"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # shipped meanwhile
        return 0
