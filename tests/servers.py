"""Servers on loopback, for as long as a test needs them: a real S3 server, and a webhook."""

import json
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
SERVERS = ("s3", "filer", "master", "volume", "admin")


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """Its address; it knows the keys in `KEYS` alone, and has one bucket, `models`."""
    first = free_ports(len(SERVERS))
    ports = [f"-{name}.port={first + i}" for i, name in enumerate(SERVERS)]
    off = ["-webdav=false", "-admin.ui=false", "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    sockets = [f"-{name}.localSocket={folder / name}.sock" for name in ("s3", "filer")]
    command = [
        "weed",
        "mini",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-bucket=models",
        *ports,
        *off,
        *sockets,
    ]
    folder.mkdir(exist_ok=True)
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **KEYS}) as server,
    ):
        try:
            wait(f"http://127.0.0.1:{first}", server)
            yield f"http://127.0.0.1:{first}"
        finally:
            server.kill()  # it has nothing to keep


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that are free, as are those 10,000 above them, where gRPC listens."""
    while True:
        first = random.randrange(20_000, 40_000)  # noqa: S311
        with suppress(OSError):
            for port in range(first, first + count):
                for number in (port, port + 10_000):
                    with socket.socket() as probe:
                        probe.bind(("127.0.0.1", number))
            return first


def wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Until the bucket is there."""
    keys = dict(zip(("aws_access_key_id", "aws_secret_access_key", "region_name"), KEYS.values(), strict=True))
    client = botocore.session.Session().create_client("s3", endpoint_url=url, **keys)
    for _ in range(300):
        assert server.poll() is None, "the server ended"
        try:
            client.head_bucket(Bucket="models")
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Its address, as apprise knows it, and what it was sent so far."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/alerts", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
