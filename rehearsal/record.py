"""What the rehearsal exchanges with workflows and clients, a line of JSON each, for whoever sets REHEARSAL_RECORD.

Requests, with how they were answered, and events, each in the file that this variable of the environment names:
the template's `nox -s github` holds them against GitHub's own description.
"""

import json
import os
from pathlib import Path
from typing import Any

VARIABLE = "REHEARSAL_RECORD"


def note(**what: Any) -> None:
    """Append a line, in one write, as several processes may do so at once."""
    if VARIABLE in os.environ:
        with Path(os.environ[VARIABLE]).open("ab", buffering=0) as file:
            file.write(json.dumps(what).encode() + b"\n")


def read(path: Path, kind: str) -> list[dict[str, Any]]:
    """The lines of a record that hold something of this kind, each thing once."""
    lines = dict.fromkeys(path.read_text(encoding="utf-8").splitlines())
    return [line[kind] for line in map(json.loads, lines) if kind in line]
