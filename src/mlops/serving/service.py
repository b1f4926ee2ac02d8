"""The service as one ASGI application, and what runs beside it: the watch on releases, the way to the store."""

import asyncio
import gc
import signal
import socket
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar.types import Receive, Send

from mlops.contract import BadInput
from mlops.params import Serve
from mlops.serving import collection, current, http, reads
from mlops.serving.answers import Served, told
from mlops.serving.challenger import Challenger, Rival
from mlops.serving.logs import log
from mlops.serving.metrics import Metrics
from mlops.serving.refusal import Refused
from mlops.serving.shadow import Shadow
from mlops.serving.shipping import Shipper
from mlops.serving.status import Status
from mlops.store import Outcome, Prediction, Store

OPEN = ("/health/live", "/health/ready", "/metrics")  # without a token, for probes and Prometheus
PAGE = "/"  # for people, whose browser gives the token as a password
PATHS = (*OPEN, PAGE, "/model", "/schema", "/predict", "/outcomes")
Later = Callable[[], None] | None  # what is done once the answer has left
Route = Callable[[Served, bytes], Awaitable[tuple[int, Any, Later]]]


class Service:
    """Answers requests; `start` before the first one, `stop` after the last."""

    def __init__(self, releases: Path, spool: Path, limits: Serve, store: Store, token: str = "") -> None:
        self._limits, self._token, self._folder = limits, token, spool
        self._encoder = msgspec.json.Encoder()
        self._metrics = Metrics()
        self._spool = collection.Spool(spool, limits.fsync)
        self._fault = ""
        self._failing: Rival | None = None
        load = partial(current.load, limits=limits)
        refused = partial(self._metrics.count, "load_failures_total")
        self._current = current.Current(releases, load, refused)
        self._challenger = Challenger(releases, load, refused, self._current)
        dropped = partial(self._metrics.count, "challenger_dropped_total")
        self._shadow = Shadow(self._keep, self._fail, dropped)
        failed = partial(self._metrics.count, "ship_failures_total")
        self._shipper = Shipper(self._spool, spool, store, limits.ship_interval, failed)
        self._routes: dict[str, Route] = {"/predict": self._predict, "/outcomes": self._note}
        shown = Status(self._current, self._metrics, store, releases, spool)
        self._reads = reads.application(self._current, self._challenger, self._text, shown)

    def start(self) -> None:
        """Load the current release, if there is one, and begin to follow and to ship."""
        for one in (self._current, self._challenger):
            one.look()
        for thread in (self._current, self._challenger, self._shadow, self._shipper):
            thread.start()

    def stop(self) -> None:
        """Ship what was collected."""
        for thread in (self._current, self._challenger, self._shadow, self._shipper):
            thread.stop()
        self._spool.close()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        path = scope["path"]
        counted: Any = partial(self._send, send, path if path in PATHS else "other", time.perf_counter())
        if self._token and path not in OPEN and not http.authorised(scope, self._token, path == PAGE):
            refused = Refused(401, "authorization", "token", "Expected the bearer token")
            await http.refuse(counted, refused, path == PAGE)
        elif path in self._routes:
            await self._post(self._routes[path], scope, receive, counted)
        else:
            await self._reads(scope, receive, counted)

    async def _send(self, send: Send, path: str, start: float, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._metrics.count("requests_total", path=path, status=str(message["status"]))
            if path == "/predict":
                self._metrics.observe(time.perf_counter() - start)
        await send(message)

    async def _post(self, route: Route, scope: Any, receive: Receive, send: Send) -> None:
        try:
            body = await http.read(scope, receive, self._limits.max_bytes)
            served = reads.served(self._current)
            status, answer, later = await route(served, body)
        except Refused as refusal:
            await http.refuse(send, refusal)
        except Exception as error:  # onnxruntime raises what it likes; the next request may be a better one
            log("error", "a fault of the service", path=scope["path"], reason=traceback.format_exception(error))
            await http.refuse(send, reads.FAULT)
        else:
            version = (b"x-model-version", served.release.version.encode())
            await http.answer(send, status, self._encoder.encode(answer), [version])
            if later:
                later()

    async def _predict(self, served: Served, body: bytes) -> tuple[int, Any, Later]:
        rows, ids = served.requests.read(body)
        for column in served.requests.outside(rows):
            self._metrics.count("out_of_range_total", column=column)
        asked, rival, later = served.asked(rows, ids), self._challenger.rival, None
        if rival is None or rival.champion is not served:
            kept = served.answer(asked)
        elif rival.challenge.mode == "shadow":
            kept, later = served.answer(asked), partial(self._shadow.offer, rival, asked)
        else:
            kept = rival.split(asked, self._fail)
            self._metrics.count("challenger_rows_total", sum(one.role == "challenger" for one in kept))
        await self._collect(kept, self._limits.when_full == "answer")
        self._metrics.count("rows_total", len(rows))
        return 200, {"model": served.release.version, "predictions": told(kept)}, later

    def _keep(self, scored: list[Prediction]) -> None:
        """What the challenger said in shadow; the disk may refuse it."""
        self._spool.append(self._encoder.encode_lines(scored))
        self._metrics.count("challenger_rows_total", len(scored))

    def _fail(self, rival: Rival, error: Exception, rows: int) -> None:
        """Count what the challenger couldn't score, and say why, once for each."""
        self._metrics.count("challenger_failures_total", rows)
        if rival is not self._failing:
            self._failing = rival
            log("error", "the challenger failed", version=rival.challenge.version, reason=repr(error))

    async def _note(self, served: Served, body: bytes) -> tuple[int, Any, Later]:
        found = served.outcomes.read(body)
        await self._collect(found, lossy=False)
        return 202, {"noted": len(found)}, None

    async def _collect(self, records: Sequence[Prediction | Outcome], lossy: bool) -> None:
        """Bring records to disk; where it takes none, lose them visibly or refuse to answer."""
        try:
            self._spool.append(self._encoder.encode_lines(records))
            await self._spool.durable()
        except OSError as error:
            self._tell_once(f"{self._folder}: {error.strerror}")
            if not lossy:
                message = f"can't be collected ({error.strerror}), so it isn't answered; free the disk of the spool"
                raise Refused(503, "", "collection", message) from None
            self._metrics.count("lost_predictions_total", len(records))
        else:
            self._tell_once("")

    def _tell_once(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            log("error" if fault else "info", "the spool takes nothing" if fault else "the spool works", reason=fault)

    def _text(self) -> bytes:
        served, rival = self._current.served, self._challenger.rival
        gauges: dict[str, float] = {
            "spool_bytes": collection.size(self._folder),
            "model_loaded": int(served is not None),
        }
        return self._metrics.text(
            gauges, served.release.version if served else None, rival.challenge if rival else None
        )


async def serve(service: Service, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests that have come are answered, and what was collected is shipped."""
    with claimed(host, port) as (host, port):
        server = Server(service, host, port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False)
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_, _end, server)
        server.on_startup(lambda: log("info", "listening", url=f"http://{host}:{port}"))
        service.start()
        gc.collect()
        gc.freeze()  # what is loaded stays; looking through it again stops all requests for 50 ms
        try:
            await server.serve()
        finally:
            service.stop()
    log("info", "stopped")


def _end(server: Server) -> None:
    log("info", "stopping")
    server.stop()  # type: ignore[no-untyped-call]


@contextmanager
def claimed(host: str, port: int) -> Iterator[tuple[str, int]]:
    """Hold an address while the block lasts, and give it in numbers, as granian wants it; port 0 becomes a free one.

    granian listens with SO_REUSEPORT, so two services that chose one port would share its requests without a word.
    This socket is bound without it, which fails where anybody has the port, and allows it afterwards.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise BadInput(f"{host}:{port}: {reason}; choose another --host or --port") from None
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield holder.getsockname()
