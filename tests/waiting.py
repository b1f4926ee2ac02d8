"""Waiting for events. A test never waits for a time: how fast a machine is says nothing about the product."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlops.releasing.local import LISTENING

PATIENCE = 300.0  # seconds; ends a hang, never something that is only slow
T = TypeVar("T")


def eventually(happens: Callable[[], T], say: Callable[[], object] = lambda: "") -> T:
    """Wait until `happens()` is true, and give what it gave; after PATIENCE fail with what `say()` gives."""
    deadline = time.monotonic() + PATIENCE
    while not (found := happens()):
        assert time.monotonic() < deadline, say()
        time.sleep(0.02)
    return found


def address(log: Path) -> str:
    """The URL that a service says it listens on; it was started with `--port=0`, so no other has it."""
    found = eventually(lambda: LISTENING.search(log.read_text(encoding="utf-8")), lambda: log.read_text("utf-8"))
    return found[1]
