"""Requests from a process of its own, so that whoever measures doesn't slow down what is measured.

`flowing` starts it: some connections, kept alive, each of which sends a row every `period` seconds until it is ended,
and connects again when it was cut off. `answers` reads what came back.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

PATIENCE = 60.0
AGAIN = 0.02


class _Prediction(msgspec.Struct):
    id: str
    probabilities: dict[str, float]


class _Body(msgspec.Struct):
    model: str
    predictions: list[_Prediction]


@dataclass(frozen=True)
class Answer:
    """To row number `row`, sent at `start` (seconds since 1970); status 0 where the connection broke."""

    start: float
    seconds: float
    status: int
    row: int
    id: str = ""
    model: str = ""
    probabilities: tuple[float, ...] = ()

    @property
    def end(self) -> float:
        return self.start + self.seconds


@contextlib.contextmanager
def flowing(url: str, rows: list[bytes], file: Path, connections: int = 8, period: float = 0.01) -> Iterator[None]:
    """Load on `url` as long as the block lasts; what came back is in `file` afterwards.

    Parameters
    ----------
    rows
        Bodies of requests, each without a line break.
    """
    bodies = file.with_suffix(".bodies")
    bodies.write_bytes(b"\n".join(rows))
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.traffic", url, str(bodies), str(file), str(connections), str(period)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1]) as client:
        while not file.exists() and client.poll() is None:
            time.sleep(0.01)
        try:
            yield
        finally:
            client.terminate()
    if client.returncode:
        raise RuntimeError(f"the client ended with {client.returncode}")


def answers(file: Path) -> list[Answer]:
    """In the order in which they came."""
    decoder = msgspec.json.Decoder(_Body)
    found = []
    for line in file.read_bytes().splitlines():
        start, seconds, status, row, body = line.split(b"\t", 4)
        answer = Answer(float(start), float(seconds), int(status), int(row))
        if answer.status == 200:
            read = decoder.decode(body)
            (one,) = read.predictions
            answer = Answer(
                answer.start, answer.seconds, 200, answer.row, one.id, read.model, tuple(one.probabilities.values())
            )
        found.append(answer)
    return found


class Connection:
    """As much of HTTP as one service needs: a full client would take longer than the answers."""

    def __init__(self, host: str, port: int) -> None:
        self._place = (host, port)
        self._head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, body: bytes) -> tuple[int, bytes]:
        """Status and body; (0, b"") if nothing answers, the next call connects anew."""
        try:
            async with asyncio.timeout(PATIENCE):
                self._streams = self._streams or await asyncio.open_connection(*self._place)
                return await self._exchange(*self._streams, body)
        except (OSError, asyncio.IncompleteReadError):
            if self._streams:
                self._streams[1].close()
            self._streams = None
            return 0, b""

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> tuple[int, bytes]:
        writer.write(f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        return int(head[9:12]), await reader.readexactly(length)


async def _send(url: str, bodies: list[bytes], file: Path, connections: int, period: float) -> None:
    address, ended = urlsplit(url), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    with file.open("wb", buffering=0) as out:  # for those who look at it meanwhile

        async def one(number: int) -> None:
            connection = Connection(str(address.hostname), int(address.port or 80))
            await asyncio.sleep(period * number / connections)
            while not ended.is_set():
                start, since = time.time(), time.perf_counter()
                status, body = await connection.ask(bodies[number % len(bodies)])
                seconds = time.perf_counter() - since
                out.write(b"%.6f\t%.6f\t%d\t%d\t%b\n" % (start, seconds, status, number % len(bodies), body))
                number += connections
                await asyncio.sleep(max(0.0, period - seconds, 0.0 if status else AGAIN))

        await asyncio.gather(*map(one, range(connections)))


if __name__ == "__main__":
    place, lines, out, count, pause = sys.argv[1:]
    asyncio.run(_send(place, Path(lines).read_bytes().split(b"\n"), Path(out), int(count), float(pause)))
