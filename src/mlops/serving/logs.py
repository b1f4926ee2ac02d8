"""Log lines as JSON, one an event."""

import sys
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

_encoder = msgspec.json.Encoder(enc_hook=str)


def log(level: Literal["info", "error"], event: str, **facts: Any) -> None:
    """Print one line; whoever runs the service collects standard output."""
    line = _encoder.encode({"at": datetime.now(UTC), "level": level, "event": event, **facts})
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()
