"""A load generator: connections that each send the same request again as soon as it is answered.

Run as a process of its own: ``python -m benchmarks.load URL CONNECTIONS SECONDS < BODY`` prints what it saw as JSON.
One thread over plain sockets, without a library of HTTP, so that it isn't what is measured: `busy` is the
share of its time that it did not wait for the server.
"""

import json
import selectors
import socket
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlsplit

LEAST = 100  # answers, however slow the machine is: quantiles are taken of them


def main(url: str, connections: int, seconds: float, body: bytes) -> dict[str, Any]:
    target = urlsplit(url)
    head = f"POST {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    poll = selectors.DefaultSelector()
    sockets = [socket.create_connection((target.hostname, target.port)) for _ in range(connections)]
    for made in sockets:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(made, selectors.EVENT_READ)
    start, busy = time.perf_counter(), time.process_time()
    latencies, failed = _run(sockets, poll, request, start + seconds)
    elapsed, busy = time.perf_counter() - start, time.process_time() - busy
    poll.close()
    for made in sockets:
        made.close()
    cuts = statistics.quantiles(latencies, n=100)
    return {"per_second": len(latencies) / elapsed, "p50": cuts[49], "p99": cuts[98], "failed": failed,
            "busy": busy / elapsed}  # fmt: skip


def _run(
    sockets: list[socket.socket], poll: selectors.BaseSelector, request: bytes, end: float
) -> tuple[list[float], int]:
    """Latencies in seconds, and how many answers had another status than 200."""
    now = time.perf_counter()
    began, partial = dict.fromkeys(sockets, now), dict.fromkeys(sockets, b"")
    latencies, failed = [], 0
    for made in sockets:
        made.sendall(request)
    while now < end or len(latencies) < LEAST:
        for key, _ in poll.select(1):
            made: Any = key.fileobj
            answer = partial[made] + made.recv(65536)
            if not _whole(answer):
                partial[made] = answer
                continue
            now = time.perf_counter()
            latencies.append(now - began[made])
            failed += not answer.startswith(b"HTTP/1.1 200")
            partial[made], began[made] = b"", now
            made.sendall(request)
        now = time.perf_counter()
    return latencies, failed


def _whole(answer: bytes) -> bool:
    """Is this all of an answer?"""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not answer:
        raise ConnectionError("the server closed a connection")
    _, known, length = head.lower().partition(b"content-length:")
    if end and not known:
        return body.endswith(b"0\r\n\r\n")  # in chunks
    return bool(end) and len(body) >= int(length.split(b"\r\n", 1)[0])


if __name__ == "__main__":
    found = main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.stdin.buffer.read())
    print(json.dumps(found))
