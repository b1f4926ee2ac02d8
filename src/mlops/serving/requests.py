"""What a model accepts: its schema, compiled once into a decoder that checks a request while it parses it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from mlops.contract import Schema
from mlops.params import Serve
from mlops.serving import columns
from mlops.serving.refusal import Refused, explain
from mlops.store import MASK

YEARS = range(1700, 2200)  # of times: what databases and data frames can hold, whatever the zone
ID = r"^[A-Za-z0-9._:-]{1,64}(?![\s\S])"  # `$` would let a line break pass at the end
Id = Annotated[str, Meta(pattern=ID)]
Row = Any  # a record with a field for each column of the schema


class Requests:
    """Reads the requests of one model."""

    def __init__(self, schema: Schema, limits: Serve) -> None:
        texts = [name for name in schema.inputs if schema.columns[name].type == "text"]
        numbers = [name for name in schema.inputs if name not in texts]
        self.columns = [*numbers, *texts, *(name for name in schema.columns if name not in schema.inputs)]
        self._numbers, self._texts = numbers, list(enumerate(texts, len(numbers)))
        self._fields = {name: f"c{place}" for place, name in enumerate(self.columns)}  # a column may be called "a b"
        self._decoder = msgspec.json.Decoder(self._body(schema, limits))
        checks = [columns.outside(schema.columns[name]) for name in self.columns]
        self._checks = [(place, check) for place, check in enumerate(checks) if check]
        self._time, self._zone = schema.time, ZoneInfo(schema.zone)
        self._sensitive = [self._fields[name] for name in self.columns if schema.columns[name].sensitive]

    def _body(self, schema: Schema, limits: Serve) -> Any:
        strict = limits.out_of_range == "refuse"
        fields: Any = [(self._fields[name], *columns.field(schema.columns[name], strict)) for name in self.columns]
        names = {field: name for name, field in self._fields.items()}
        row = msgspec.defstruct(
            "Row", fields, rename=names, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
        )
        rows: Any = Annotated[list[row], Meta(min_length=1, max_length=limits.max_rows)]  # type: ignore[valid-type]
        body: Any = [("rows", rows), ("ids", list[Id] | UnsetType, UNSET)]
        return msgspec.defstruct("Body", body, forbid_unknown_fields=True)

    def read(self, body: bytes) -> tuple[list[Row], list[str] | None]:
        """Parse and check; the rows, and the ids where the request brings them.

        Raises
        ------
        Refused
            Names the first field that breaks a rule.
        """
        try:
            request = self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise explain(error, self.columns) from None
        for place, row in enumerate(request.rows if self._time else ()):
            time = getattr(row, self._fields[str(self._time)])
            if time is not None and time.year not in YEARS:
                message = f"Expected a year from {YEARS[0]} to {YEARS[-1]}, got {time.year}"
                raise Refused(422, f"rows[{place}].{self._time}", "range", message)
        if request.ids is UNSET:
            return request.rows, None
        if len(request.ids) != len(request.rows):
            message = f"Expected one a row ({len(request.rows)}), got {len(request.ids)}"
            raise Refused(422, "ids", "length", message)
        check_ids(request.ids, "ids[{}]")
        return request.rows, request.ids

    def feeds(self, rows: list[Row]) -> dict[str, NDArray[Any]]:
        """The tensors of the model, as `mlops.artifact.feeds` makes them, but for all numbers at once."""
        values = [msgspec.structs.astuple(row) for row in rows]
        count = len(self._numbers)
        numbers = np.array([row[:count] for row in values], dtype=np.float32)
        tensors = dict(zip(self._numbers, np.ascontiguousarray(numbers.T).reshape(count, len(rows), 1), strict=True))
        for place, name in self._texts:
            tensors[name] = np.array([[row[place] or ""] for row in values], dtype=object)
        return tensors

    def outside(self, rows: list[Row]) -> Iterator[str]:
        """The column of each value that is out of range or an unknown category."""
        for row in rows:
            values = msgspec.structs.astuple(row)
            for place, check in self._checks:
                if values[place] is not None and check(values[place]):
                    yield self.columns[place]

    def time(self, row: Row) -> datetime | None:
        """When the row happened, in UTC; a time without an offset is local, as in training."""
        time: datetime | None = getattr(row, self._fields[self._time]) if self._time else None
        return time and (time if time.tzinfo else time.replace(tzinfo=self._zone)).astimezone(UTC)

    def mask(self, rows: list[Row]) -> None:
        """Hide the values of sensitive columns, where there are any, for good."""
        for field in self._sensitive:
            for row in rows:
                if getattr(row, field) not in (None, UNSET):
                    setattr(row, field, MASK)


def check_ids(ids: list[str], field: str) -> None:
    """Refuse an id that comes twice; `field` is where one stands, with {} for its place."""
    if len(set(ids)) < len(ids):
        first = {id: place for place, id in reversed(list(enumerate(ids)))}
        place = next(place for place, id in enumerate(ids) if first[id] < place)
        raise Refused(422, field.format(place), "unique", f"'{ids[place]}' stands at an earlier place, too")
