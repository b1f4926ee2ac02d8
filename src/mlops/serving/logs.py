"""Log lines as JSON, one an event."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

_encoder = msgspec.json.Encoder(enc_hook=str)


def log(level: Literal["info", "error"], event: str, **facts: Any) -> None:
    """Print one line; whoever runs the service collects standard output."""
    line = _encoder.encode({"at": datetime.now(UTC), "level": level, "event": event, **facts})
    with suppress(OSError):  # the disk of the log may be full, which must not stop the answers
        os.write(1, line + b"\n")
