"""Models that a stranger made, run in a process that has nothing to lose.

The process has an empty environment, no way to gain rights, and limits on memory, processor time, files and
wall time; where the kernel lets it make a namespace of its own, it has no network either. It may still read what this
user may read, and a fault of the kernel is none of its limits: docs/decisions.md. What comes back are numbers, which
the caller checks.
"""

import io
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlops.artifact import Predictions, Rows, check_golden, feeds, session
from mlops.contract import BadInput, ModelInfo, Record

SOURCE = Path(__file__).parents[1]
GIGABYTE = 1 << 30
MOST_SAID = 2000  # characters of a reason
SERVE = "from mlops import confined; confined.serve()"
ENTER = """\
import ctypes, json, os, resource, sys
limits, *command = sys.argv[1:]
if sys.platform == "linux":
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    libc.unshare(0x10000000 | 0x40000000)  # CLONE_NEWUSER | CLONE_NEWNET: where that is refused, the network stays
for name, most in json.loads(limits).items():
    kind = getattr(resource, name)
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
os.execv(command[0], command)
"""


class Limits(Record, frozen=True):
    """Bytes of memory, seconds of a processor, bytes of a file that it writes, seconds on the clock for one answer."""

    memory: int = 4 * GIGABYTE
    processor: int = 900
    file: int = 0
    clock: float = 600.0


class Answer(Record, frozen=True):
    """What the process says of a request: why it failed, or the seconds that it took, and its peak of
    memory so far in kB.
    """

    failed: Annotated[str, msgspec.Meta(max_length=MOST_SAID)] = ""
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    peak: Annotated[int, msgspec.Meta(ge=0)] = 0
    sizes: list[Annotated[int, msgspec.Meta(ge=0, le=GIGABYTE)]] = []


def command(words: Sequence[str], limits: Limits) -> list[str]:
    """A command that runs the command `words`, its first word a path, within the limits."""
    known = {"RLIMIT_AS": limits.memory, "RLIMIT_CPU": limits.processor, "RLIMIT_FSIZE": limits.file, "RLIMIT_CORE": 0}
    return [sys.executable, "-I", "-c", ENTER, json.dumps(known), *words]


class Process:
    """A process that holds models, and answers for them.

    Parameters
    ----------
    what
        Whose models these are, as errors name it: `head`.
    """

    def __init__(self, running: "subprocess.Popen[bytes]", limits: Limits, what: str) -> None:
        self._running, self._limits, self._what = running, limits, what
        self._turn = threading.Lock()

    def load(self, graphs: Sequence[bytes]) -> Answer:
        """Hold these models in place of those that it has.

        Raises
        ------
        BadInput
            One of them can't be loaded, or may not be.
        """
        return self._ask({}, graphs)[0]

    def run(self, number: int, tensors: Mapping[str, NDArray[Any]]) -> tuple[Predictions, Answer]:
        """What a model predicts, as float64, shape (n, outputs).

        Raises
        ------
        BadInput
            It fails, dies, or takes too long.
        """
        plain = [values.astype(str) if values.dtype == object else values for values in tensors.values()]
        answer, parts = self._ask({"model": number, "names": list(tensors)}, [_packed(values) for values in plain])
        try:
            return np.asarray(_unpacked(parts[0]), dtype=np.float64), answer
        except (ValueError, IndexError) as error:
            raise BadInput(f"{self._what}: its answer is no array: {error}") from None

    def _ask(self, head: dict[str, Any], parts: Sequence[bytes]) -> tuple[Answer, list[bytes]]:
        with self._turn:
            late = threading.Timer(self._limits.clock, self._running.kill)
            late.start()
            try:
                assert self._running.stdin and self._running.stdout  # noqa: S101, PT018 (both are pipes)
                _send(self._running.stdin, {**head, "sizes": [len(part) for part in parts]}, parts)
                answer = msgspec.json.decode(self._running.stdout.readline(10 * MOST_SAID), type=Answer)
                found = _parts(self._running.stdout, answer.sizes)
            except (OSError, EOFError, msgspec.MsgspecError):  # it ended, or says something else
                answer, found = Answer(failed=self._end()), []
            finally:
                late.cancel()
        if answer.failed:
            raise BadInput(f"{self._what}: {answer.failed}")
        return answer, found

    def _end(self) -> str:
        """Why it is no more."""
        self._running.kill()
        status = self._running.wait()
        return f"the process that runs it died (status {status}): it took too much memory or time, or is no model"


class Confined:
    """One of the models of a process; does what `mlops.artifact.Model` does."""

    def __init__(self, process: Process, number: int, info: ModelInfo) -> None:
        self.info = info
        self._process, self._number = process, number

    def predict(self, rows: Rows) -> Predictions:
        """Class probabilities, shape (n, n_classes), or predicted values, shape (n, 1), for raw rows."""
        return self._process.run(self._number, feeds(rows, self.info.schema))[0]


@contextmanager
def process(what: str, limits: Limits, check: bool = False) -> Iterator[Process]:
    """Start a process that holds no model yet, and with `check` none that holds what no converted estimator needs."""
    serve = "from mlops import confined, graphs; confined.serve(graphs.check)" if check else SERVE
    words = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{serve}"]
    with subprocess.Popen(
        command(words, limits), cwd="/", env={"OMP_NUM_THREADS": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        try:
            yield Process(running, limits, what)
        finally:
            running.kill()
            with suppress(BrokenPipeError):  # what it was told, and didn't live to hear
                running.stdin.close()  # type: ignore[union-attr]


@contextmanager
def models(
    graphs: Sequence[bytes], info: ModelInfo, what: str, limits: Limits, check: bool = True
) -> Iterator[list[Confined]]:
    """The models of these files, all described by `info`.

    Raises
    ------
    BadInput
        One of them can't be loaded, or with `check` may not be: see `mlops.graphs`.
    """
    with process(what, limits, check) as started:
        started.load(graphs)
        yield [Confined(started, number, info) for number in range(len(graphs))]


def try_golden(graph: bytes, info: ModelInfo, place: str) -> None:
    """Let a model that came from elsewhere predict its golden rows, before anybody here loads it.

    Raises
    ------
    BadInput
        It can't, or predicts something else: `mlops.artifact.check_golden`.
    """
    with models([graph], info, place, Limits(), check=False) as (model,):
        check_golden(model, place)


def serve(check: Callable[[bytes], None] | None = None) -> None:
    """Inside: do what is asked for as long as somebody asks."""
    given, answer = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    sessions: list[Any] = []
    while line := given.readline():
        head = json.loads(line)
        parts = _parts(given, head["sizes"])
        try:
            if "model" in head:
                tensors = dict(zip(head["names"], map(_unpacked, parts), strict=True))
                texts = {name: values.astype(object) for name, values in tensors.items() if values.dtype.kind == "U"}
                started = time.perf_counter()
                output = sessions[head["model"]].run(None, tensors | texts)[0]
                seconds = time.perf_counter() - started
                made = [_packed(np.asarray(output, dtype=np.float64).reshape(len(output), -1))]
            else:
                if check:
                    for content in parts:
                        check(content)
                sessions.clear()  # never two models at once, as no service holds them
                started = time.perf_counter()
                sessions, made = [session(content) for content in parts], []
                seconds = time.perf_counter() - started
            said = Answer(seconds=seconds, peak=peak(), sizes=[len(part) for part in made])
        except Exception as error:  # onnxruntime has many
            said, made = Answer(failed=" ".join(str(error).split())[:MOST_SAID] or type(error).__name__), []
        _send(answer, said, made)


def peak() -> int:
    """Most memory that this process has held, in kB. Linux lets `ru_maxrss` inherit the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def _send(pipe: IO[bytes], head: Any, parts: Sequence[bytes]) -> None:
    """A line of JSON that says the sizes of the parts, and the parts."""
    pipe.write(msgspec.json.encode(head) + b"\n" + b"".join(parts))
    pipe.flush()


def _parts(pipe: IO[bytes], sizes: Sequence[int]) -> list[bytes]:
    found = [pipe.read(size) for size in sizes]
    if [len(part) for part in found] != list(sizes):
        raise EOFError
    return found


def _packed(values: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def _unpacked(content: bytes) -> NDArray[Any]:
    found: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return found
