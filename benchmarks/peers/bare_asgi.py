"""The limit in Python: ASGI by hand, msgspec, onnxruntime. No routes, checks, ids, metrics or collection."""

import asyncio
import os
import signal
from typing import Any

import msgspec
import numpy as np
import onnxruntime
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

OPTIONS = onnxruntime.SessionOptions()
OPTIONS.intra_op_num_threads = 1
SESSION = onnxruntime.InferenceSession(os.environ["MODEL"] + ".onnx", OPTIONS)
TEXTS = [given.name for given in SESSION.get_inputs() if given.type == "tensor(string)"]
NUMBERS = [given.name for given in SESSION.get_inputs() if given.name not in TEXTS]
FIELDS: list[Any] = [(name, float | None, None) for name in NUMBERS] + [(name, str) for name in TEXTS]
ROW: Any = msgspec.defstruct("Row", FIELDS, kw_only=True)
DECODER = msgspec.json.Decoder(msgspec.defstruct("Body", [("rows", list[ROW])]))
ENCODER = msgspec.json.Encoder()


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    values = [msgspec.structs.astuple(row) for row in DECODER.decode(body).rows]
    count = len(NUMBERS)
    numbers = np.array([row[:count] for row in values], dtype=np.float32).T
    feeds: dict[str, Any] = dict(zip(NUMBERS, np.ascontiguousarray(numbers).reshape(count, -1, 1), strict=True))
    for place, name in enumerate(TEXTS, count):
        feeds[name] = np.array([[row[place]] for row in values], dtype=object)
    answer = ENCODER.encode({"probabilities": SESSION.run(None, feeds)[0].tolist()})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def main() -> None:
    server = Server(app, port=int(os.environ["PORT"]), interface=Interfaces.ASGINL, websockets=False, log_enabled=False)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


if __name__ == "__main__":
    uvloop.run(main())
