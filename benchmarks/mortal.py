"""An agent in a process group of its own that can be killed: from outside at any moment, or by itself at a given line.

Forked from a server that has imported everything, so that a new one is there at once.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from mlops import contract, objects
from mlops.releasing import agent

WORK = {str(module.__file__) for module in (agent, objects, contract)}
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["benchmarks.running"])  # all that a child would import, this module too


@dataclass(frozen=True)
class Orders:
    """What the agent follows, and after how many lines of its work it dies; `lines` counts them."""

    remote: str
    stage: str
    releases: Path
    interval: float
    log: Path
    lines: Any
    die_at: int | None = None


class Mortal:
    """One agent after the other."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self._process: Any = None

    def start(self) -> None:
        self._process = FORKS.Process(target=_follow, args=(self.orders,))
        self._process.start()

    def kill(self) -> None:
        """With all the git processes that it started, as a container's end takes all of it."""
        with contextlib.suppress(ProcessLookupError):  # not yet the leader of its group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()

    def lines(self) -> int:
        """How many lines of code a reconciliation runs through."""
        counted = FORKS.Process(target=_once, args=(self.orders,))
        counted.start()
        counted.join()
        return int(self.orders.lines.value)

    def die(self, line: int, patience: float) -> None:
        """Start one that dies at this line, and wait for it."""
        orders = Orders(**{**self.orders.__dict__, "die_at": line})
        self._process = FORKS.Process(target=_follow, args=(orders,))
        self._process.start()
        self._process.join(patience)
        if self._process.exitcode != -signal.SIGKILL:
            raise RuntimeError(f"the agent didn't come to line {line} of its work")

    def refusals(self) -> int:
        """How often any of them kept what it had, as it couldn't do what it should."""
        return self.orders.log.read_bytes().count(b'"kept"')

    @contextlib.contextmanager
    def refusing(self, patience: float) -> Iterator[None]:
        """What the block does makes it refuse, within `patience` seconds after its end."""
        before, deadline = self.refusals(), time.monotonic() + patience
        yield
        while self.refusals() == before:
            if time.monotonic() > deadline:
                raise RuntimeError("the agent noticed nothing of the fault")
            time.sleep(0.01)


def _follow(orders: Orders) -> None:
    _settle(orders)
    if orders.die_at is not None:
        orders.lines.value = 0
        sys.settrace(_Tracer(orders).enter)
    agent.follow(agent.Agent(orders.remote, orders.stage, orders.releases), orders.interval)


def _once(orders: Orders) -> None:
    _settle(orders)
    orders.lines.value = 0
    sys.settrace(_Tracer(orders).enter)
    agent.Agent(orders.remote, orders.stage, orders.releases).reconcile()
    sys.settrace(None)


def _settle(orders: Orders) -> None:
    os.setsid()
    with orders.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


class _Tracer:
    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._line if frame.f_code.co_filename in WORK else None

    def _line(self, _frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self._orders.lines.value += 1
            if self._orders.lines.value == self._orders.die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line
