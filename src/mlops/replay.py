"""Past rows as production traffic: requests in the order of their times, the outcomes of a day after the next day.

A row has the same id each time, so that what the store knows already stays as it is.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import requests

from mlops.contract import BadInput, Record, Schema, decode
from mlops.rows import hash_columns, local

BATCH = 1000  # rows a request
SENT = {"input", "time", "slice"}
SPOOL = re.compile(r"^serving_spool_bytes (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Replayed:
    """What was sent, in how many requests and seconds; `last` is the id that was sent last."""

    rows: int
    outcomes: int
    requests: int
    seconds: float
    last: str


class One(NamedTuple):
    """A row as it is sent; `place` says where it came from."""

    place: Any
    id: str
    row: dict[str, Any]
    outcome: Any


class Described(Record, frozen=True):
    schema: Schema


BODIES: dict[str, Callable[[list[One]], Any]] = {
    "/predict": lambda part: {"rows": [one.row for one in part], "ids": [one.id for one in part]},
    "/outcomes": lambda part: {"outcomes": [{"id": one.id, "value": one.outcome} for one in part]},
}


def replay(
    url: str, rows: pd.DataFrame, schema: Schema, said: Callable[[int], None],
    token: str = "", batch: int = BATCH, outcomes: bool = True,
) -> Replayed:  # fmt: skip
    """Send rows, typed as `mlops.training.read` does it, to the service at `url`.

    Parameters
    ----------
    schema
        That of the model that is served: `described` asks for it.
    said
        Is told the number of rows after each request that was answered.
    token
        The service's bearer token, where it asks for one.

    Raises
    ------
    BadInput
        Nobody answers, or a row is refused: by its label in the index of `rows`, and its column.
    """
    start, sender, known = time.monotonic(), Sender(url, token, batch), 0
    before: list[One] = []
    for day in _days(rows, schema):
        for part in sender.send("/predict", day):
            said(part)
        known += sum(sender.send("/outcomes", before))
        before = [one for one in day if outcomes and one.outcome is not None]
    known += sum(sender.send("/outcomes", before))
    return Replayed(len(rows), known, sender.requests, time.monotonic() - start, before[-1].id if before else "")


def described(url: str, token: str = "") -> Schema:
    """The schema of the model that is served."""
    return decode(Described, Sender(url, token).ask("/model").content, f"{url}/model").schema


def shipped(url: str, patience: float = 600.0) -> bool:
    """Wait until the service has brought to the store what it collected; False if it takes longer than `patience`."""
    sender, deadline = Sender(url), time.monotonic() + patience
    while time.monotonic() < deadline:
        found = SPOOL.search(sender.ask("/metrics").text)
        if found and int(found[1]) == 0:
            return True
        time.sleep(0.1)
    return False


class Sender:
    """A client of the service; `requests` counts what was answered."""

    def __init__(self, url: str, token: str = "", batch: int = BATCH) -> None:
        self.requests = 0
        self._url, self._batch, self._session = url.rstrip("/"), batch, requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def send(self, path: str, ones: list[One]) -> Iterator[int]:
        """Post all, a batch a request; yields how many each held. What is too much for the service goes in halves."""
        start = 0
        while start < len(ones):
            part = ones[start : start + self._batch]
            answer = self.ask(path, msgspec.json.encode(BODIES[path](part)))
            if answer.ok:
                self.requests += 1
                start += len(part)
                yield len(part)
            elif len(part) > 1 and _too_much(answer):
                self._batch = len(part) // 2
            else:
                raise _refusal(answer, part)

    def ask(self, path: str, body: bytes | None = None) -> requests.Response:
        """The answer, where it isn't that the sender may not ask, or that nothing can be answered yet."""
        method, kind = ("POST", {"Content-Type": "application/json"}) if body else ("GET", {})
        try:
            answer = self._session.request(method, self._url + path, data=body, headers=kind, timeout=60)
        except requests.RequestException as error:
            why = f"{self._url}: no service answers there ({type(error).__name__}); start one by `nox -s serve`"
            raise BadInput(f"{why}, or name another by --url, and replay again: nothing is stored twice") from None
        if answer.status_code == 401:
            raise BadInput(f"{self._url}: it asks for its bearer token; set SERVICE_TOKEN")
        if answer.status_code >= 500:
            raise BadInput(f"{self._url}{path}: status {answer.status_code}: {_error(answer)[2]}; replay again later")
        return answer


def _too_much(answer: requests.Response) -> bool:
    field, rule, _ = _error(answer)
    return answer.status_code == 413 or (field in ("rows", "outcomes") and rule == "length")


def _refusal(answer: requests.Response, part: list[One]) -> BadInput:
    """Names file, row and column where the service does."""
    field, _, message = _error(answer)
    found = re.match(r"(?:rows|outcomes)\[(\d+)\]\.?(.*)", field)
    if found is None:
        return BadInput(f"{answer.url}: status {answer.status_code}: {field} {message}".rstrip())
    place = part[int(found[1])].place
    row = ", row ".join(map(str, place)) if isinstance(place, tuple) else f"row {place}"
    return BadInput(f"{row}: {found[2]}: {message}; mend the row, or leave it out")


def _error(answer: requests.Response) -> tuple[str, str, str]:
    """Field, rule and message."""
    try:
        error = answer.json()["error"]
        return error["field"], error["rule"], error["message"]
    except (ValueError, KeyError, TypeError):
        return "", "", answer.text[:200]


def _days(rows: pd.DataFrame, schema: Schema) -> Iterator[list[One]]:
    """The rows of each local day, oldest first; of all where the schema has no time."""
    if schema.time is None:
        yield _ones(rows, schema)
        return
    ordered = rows.sort_values(schema.time, kind="stable")
    for _, day in ordered.groupby(local(ordered[schema.time], schema.zone).dt.date, sort=False, dropna=False):
        yield _ones(day, schema)


def _ones(rows: pd.DataFrame, schema: Schema) -> list[One]:
    """Ids are of what is sent, and of how many equal rows came before."""
    names = [name for name, column in schema.columns.items() if SENT & set(column.roles) and name in rows]
    hashes = pd.Series(hash_columns(rows, names))
    ids = [f"{hash:016x}-{n}" for hash, n in zip(hashes, hashes.groupby(hashes).cumcount(), strict=True)]
    columns = [_values(rows[name], schema.columns[name].type) for name in names]
    sent = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    target = schema.target
    known = _values(rows[target], schema.columns[target].type) if target in rows else [None] * len(rows)
    return [One(*values) for values in zip(rows.index, ids, sent, known, strict=True)]


def _values(values: "pd.Series[Any]", type: str) -> list[Any]:
    """As JSON has them; missing ones as None."""
    if type == "timestamp":
        values = values.map(pd.Timestamp.isoformat, na_action="ignore")
    plain = values.astype(object)
    if type == "boolean":  # read from a file they are 1.0 and 0.0
        plain = plain.map(bool, na_action="ignore")
    return plain.where(values.notna(), None).tolist()
