"""A second version beside production: how it runs, and whether it can be tried on production's requests.

Imports stay light: the agent writes the record, the service reads it.
"""

from typing import Annotated, Literal

from msgspec import Meta

from mlops.contract import ModelInfo, Record

Mode = Literal["shadow", "split"]
FILE = "challenger.json"  # in the folder of releases


class Challenge(Record, frozen=True):
    """`version` gets a `share` of the rows, by hash of their ids: scored beside the answer (shadow), or answered by it
    in the champion's stead (split).
    """

    version: str
    mode: Mode = "shadow"
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0


def request(info: ModelInfo) -> frozenset[tuple[str, str, str, bool]]:
    """What a request must carry: every input with its type and unit, and whether it may be missing."""
    columns = ((name, info.schema.columns[name]) for name in info.schema.inputs)
    return frozenset((name, column.type, column.unit, column.missing) for name, column in columns)


def obstacle(champion: ModelInfo, challenger: ModelInfo) -> str | None:
    """Why one can't answer the other's requests, or None where it can."""
    for what in ("task", "classes"):
        before, after = getattr(champion, what), getattr(challenger, what)
        if before != after:
            return f"its {what}: {after}, but the champion's: {before}"
    if champion.schema.target != challenger.schema.target:
        return f"it predicts '{challenger.schema.target}', but the champion '{champion.schema.target}'"
    other = sorted({name for name, *_ in request(champion) ^ request(challenger)})
    return f"it takes other raw inputs than the champion: {', '.join(other)}" if other else None
