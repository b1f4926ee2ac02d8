"""The little of HTTP that the two POST routes need, straight on ASGI: a router would cost a fifth of their speed."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from litestar.types import Receive, Send

from mlops.serving.refusal import Refused


async def read(scope: Any, receive: Receive, limit: int) -> bytes:
    """The JSON body of a POST, of `limit` bytes at most.

    Raises
    ------
    Refused
        Another method or content type, or too much; what comes after the limit is read, but not kept.
    """
    if scope["method"] != "POST":
        raise Refused(405, "method", "method", f"Expected POST, got {scope['method']}")
    kind = header(scope, b"content-type").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Refused(415, "content-type", "type", f"Expected application/json, got {kind.decode('latin-1') or 'none'}")
    chunks, size, more = [], 0, True
    while more:
        message: Any = await receive()
        chunk = message.get("body", b"")
        size, more = size + len(chunk), message.get("more_body", False)
        chunks.append(chunk)
        if size > limit:
            chunks.clear()
            if size > 10 * limit:  # a sender who doesn't listen
                break
    if size > limit:
        raise Refused(413, "body", "length", f"Expected at most {limit} bytes; send fewer rows at a time")
    return b"".join(chunks)


def header(scope: Any, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def authorised(scope: Any, token: str, browser: bool = False) -> bool:
    """Does the request bear the token? Takes as long for a wrong one as for the right one.

    A browser can't bear one, but asks a person for a password: there it may stand, beside any name.
    """
    kind, _, given = header(scope, b"authorization").partition(b" ")
    if browser and kind.lower() == b"basic":
        with suppress(binascii.Error):
            kind, given = b"Bearer", base64.b64decode(given).partition(b":")[2]
    return hmac.compare_digest(kind + b" " + given, b"Bearer " + token.encode())


async def answer(send: Send, status: int, body: bytes, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    headers: Any = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def refuse(send: Send, refusal: Refused, browser: bool = False) -> None:
    ask = b'Basic realm="password: the token", charset="UTF-8"' if browser else b"Bearer"
    more = {
        401: [(b"www-authenticate", ask)],
        405: [(b"allow", b"POST")],
        413: [(b"connection", b"close")],  # the rest of the body isn't read
    }
    await answer(send, refusal.status, refusal.body, more.get(refusal.status, ()))
