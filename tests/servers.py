"""Servers on loopback, for as long as a test needs them: a real S3 server, and a webhook."""

import json
import os
import random
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import psutil
from botocore.exceptions import BotoCoreError, ClientError

from tests.waiting import eventually

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
SERVERS = ("s3", "filer", "master", "volume", "admin")


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """Its address; it knows the keys in `KEYS` alone, and has one bucket, `models`."""
    folder.mkdir(exist_ok=True)
    off = ["-webdav=false", "-admin.ui=false", "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command = ["weed", "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=models", *off]
    with (folder / "log").open("w+") as log, tempfile.TemporaryDirectory(dir="/tmp") as short:
        sockets = [f"-{name}.localSocket={short}/{name}" for name in ("s3", "filer")]  # of 107 characters at most
        for _ in range(10):  # until nobody else took one of its ports meanwhile
            first = random.randrange(20_000, 22_000)  # noqa: S311 (and where gRPC listens, 10,000 above)
            ports = [f"-{name}.port={first + i}" for i, name in enumerate(SERVERS)]
            words = [*command, *sockets, *ports]
            with subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **KEYS}) as server:
                try:
                    eventually(lambda: server.poll() is not None or _has_bucket(server.pid, first))  # noqa: B023
                    if server.poll() is None:
                        yield f"http://127.0.0.1:{first}"
                        return
                finally:
                    server.kill()  # it has nothing to keep
        raise RuntimeError((folder / "log").read_text(encoding="utf-8")[-3000:])


def _has_bucket(pid: int, port: int) -> bool:
    """Does this very process listen there, and is its bucket made?"""
    keys = dict(zip(("aws_access_key_id", "aws_secret_access_key", "region_name"), KEYS.values(), strict=True))
    client = botocore.session.Session().create_client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys)
    with suppress(psutil.Error, BotoCoreError, ClientError):
        mine = [at.laddr.port for at in psutil.Process(pid).net_connections() if at.status == psutil.CONN_LISTEN]
        return port in mine and bool(client.head_bucket(Bucket="models"))
    return False


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
