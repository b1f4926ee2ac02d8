"""Predictions, their outcomes and checks of both in SQL: a file of SQLite, or PostgreSQL where its URL is given.

Imports stay light: the service loads this module.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from mlops.contract import BadInput
from mlops.tables import ALERTS, CHECKS, MOMENT, OUTCOMES, PREDICTIONS, TABLES

Role = Literal["production", "challenger"]
MASK = "***"  # stands where a sensitive value was
CHUNK = 20_000
LONGEST_WAIT = 30  # seconds for another who writes to a file of SQLite, whose own 5 are too few for a slow machine
INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Prediction(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag="prediction"):
    """One answered row. `event_time` is the row's own time, where the schema has one; both times are in UTC."""

    id: str
    role: Role = "production"
    version: str
    at: datetime
    event_time: datetime | None = None
    row: Any
    output: Any


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="outcome"):
    """What truly happened to the row that was predicted under this id, and when this became known here."""

    id: str
    at: datetime
    value: Any


@contextmanager
def needed() -> Iterator[None]:
    """For whom there is nothing to do without the store.

    Raises
    ------
    BadInput
        The database can't be reached, or refuses.
    """
    try:
        yield
    except sql.exc.SQLAlchemyError as error:
        raise BadInput(f"STORE_URL: the store can't be read or written: {str(error).splitlines()[0]}") from None


class Moment(msgspec.Struct, frozen=True):
    """The prediction whose row is the newest: its version and, in UTC, when it happened, and when it was answered."""

    version: str
    happened: datetime
    answered: datetime


class Store:
    """A database of predictions and outcomes. Nothing is connected before it is needed, and nothing stays connected,
    so that a database that was restarted is found again.
    """

    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine
        self._prepared = False
        self._preparing = threading.Lock()

    @classmethod
    def connect(cls, url: str) -> "Store":
        """The store at an SQLAlchemy URL: ``sqlite:///store.db``, ``postgresql+psycopg://user@host/name``.

        Raises
        ------
        BadInput
            This is no URL of a database that the project can use.
        """
        try:
            engine = sql.create_engine(url, poolclass=sql.NullPool)
        except (sql.exc.ArgumentError, ImportError) as error:
            raise BadInput(f"STORE_URL: {error}; give sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME") from None
        if engine.dialect.name not in INSERTS:
            raise BadInput(f"STORE_URL: {engine.dialect.name} isn't supported; known are {', '.join(INSERTS)}")
        if engine.dialect.name == "sqlite":
            sql.event.listen(engine, "connect", _read_while_written)
        return cls(engine)

    def add(self, predictions: Sequence[Prediction], outcomes: Sequence[Outcome] = ()) -> None:
        """Store all or, if the database fails, none; what is known by its id already stays as it is.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            The database can't be reached, or refuses.
        """
        insert = INSERTS[self._engine.dialect.name]
        with self._begin() as connection:
            for table, records in ((PREDICTIONS, predictions), (OUTCOMES, outcomes)):
                if records:
                    values = [msgspec.structs.asdict(record) for record in records]
                    connection.execute(insert(table).on_conflict_do_nothing(), values)

    def prediction(self, id: str, role: Role = "production") -> Prediction | None:
        """The prediction that was answered under this id."""
        query = sql.select(PREDICTIONS).where(PREDICTIONS.c.id == id, PREDICTIONS.c.role == role)
        with self._begin() as connection:
            found = connection.execute(query).mappings().one_or_none()
        return found and Prediction(**found)

    def outcome(self, id: str) -> Outcome | None:
        """What is known to have happened to the row that was predicted under this id."""
        with self._begin() as connection:
            found = connection.execute(sql.select(OUTCOMES).where(OUTCOMES.c.id == id)).mappings().one_or_none()
        return found and Outcome(**found)

    def between(
        self, start: datetime, end: datetime, role: Role = "production"
    ) -> Iterator[tuple[Prediction, Outcome | None]]:
        """Predictions answered from `start` (inclusive) to `end` (exclusive), oldest first, with their outcomes."""
        known = (OUTCOMES.c.at.label("outcome_at"), OUTCOMES.c.value.label("outcome"))
        query = (
            sql.select(PREDICTIONS, *known)
            .outerjoin(OUTCOMES, OUTCOMES.c.id == PREDICTIONS.c.id)
            .where(PREDICTIONS.c.at >= start, PREDICTIONS.c.at < end, PREDICTIONS.c.role == role)
            .order_by(PREDICTIONS.c.at, PREDICTIONS.c.id)
        )
        with self._begin() as connection:
            for row in connection.execution_options(yield_per=1000).execute(query).mappings():
                at, value = row["outcome_at"], row["outcome"]
                found = Prediction(**{column.name: row[column.name] for column in PREDICTIONS.c})
                yield found, at and Outcome(id=found.id, at=at, value=value)

    def newest(self, role: Role = "production") -> Moment | None:
        """The newest prediction, by the time of its row where it has one, else by the time of the request."""
        query = sql.select(PREDICTIONS.c.version, MOMENT, PREDICTIONS.c.at)
        query = query.where(PREDICTIONS.c.role == role).order_by(MOMENT.desc()).limit(1)
        with self._begin() as connection:
            found = connection.execute(query).one_or_none()
        return found and Moment(*found)

    def happened(self, start: datetime, end: datetime, role: Role = "production") -> Iterator[list[Any]]:
        """Predictions by the time of their rows, or of their requests, from `start` (inclusive) to `end` (exclusive).

        Lists of (version, time, row, output, outcome), the last three as JSON, the outcome None where none is known.
        """
        plain = [sql.type_coerce(column, sql.Text) for column in (PREDICTIONS.c.row, PREDICTIONS.c.output)]
        query = (
            sql.select(PREDICTIONS.c.version, MOMENT, *plain, sql.type_coerce(OUTCOMES.c.value, sql.Text))
            .outerjoin(OUTCOMES, OUTCOMES.c.id == PREDICTIONS.c.id)
            .where(start <= MOMENT, end > MOMENT, PREDICTIONS.c.role == role)
        )
        with self._begin() as connection:
            for part in connection.execution_options(yield_per=CHUNK).execute(query).partitions():
                yield list(part)

    def rivals(
        self, start: datetime, end: datetime, champion: str, challenger: str, together: bool
    ) -> Iterator[list[Any]]:
        """Predictions whose outcomes are known, by the time of their rows, while the challenger had any: of the rows
        that both versions predicted (`together`), or of those that one alone did.

        Lists of (version, time, output, outcome), the last two as JSON.
        """

        def sides(table: Any) -> Any:
            given = (("production", champion), ("challenger", challenger))
            return sql.or_(*(sql.and_(table.c.role == role, table.c.version == version) for role, version in given))

        other = PREDICTIONS.alias()
        twin = sql.exists().where(other.c.id == PREDICTIONS.c.id, other.c.role != PREDICTIONS.c.role, sides(other))
        when = sql.select(sql.func.min(MOMENT), sql.func.max(MOMENT))
        when = when.where(PREDICTIONS.c.role == "challenger", PREDICTIONS.c.version == challenger)
        plain = [sql.type_coerce(column, sql.Text) for column in (PREDICTIONS.c.output, OUTCOMES.c.value)]
        query = (
            sql.select(PREDICTIONS.c.version, MOMENT, *plain)
            .join(OUTCOMES, OUTCOMES.c.id == PREDICTIONS.c.id)
            .where(sides(PREDICTIONS), twin if together else ~twin)
        )
        with self._begin() as connection:
            first, last = connection.execute(when).one()
            if first is None:
                return
            query = query.where(max(start, first) <= MOMENT, end > MOMENT, last >= MOMENT)
            for part in connection.execution_options(yield_per=CHUNK).execute(query).partitions():
                yield list(part)

    def collected(self, start: datetime, end: datetime) -> Iterator[list[Any]]:
        """Rows of either role by their time, as `happened`; where both roles answered an id, production's comes first.

        Lists of (id, time, row, outcome), the last two as JSON, the outcome None where none is known.
        """
        row, outcome = (sql.type_coerce(column, sql.Text) for column in (PREDICTIONS.c.row, OUTCOMES.c.value))
        query = (
            sql.select(PREDICTIONS.c.id, MOMENT, row, outcome)
            .outerjoin(OUTCOMES, OUTCOMES.c.id == PREDICTIONS.c.id)
            .where(start <= MOMENT, end > MOMENT)
            .order_by(MOMENT, PREDICTIONS.c.id, PREDICTIONS.c.role.desc())
        )
        with self._begin() as connection:
            for part in connection.execution_options(yield_per=CHUNK).execute(query).partitions():
                yield list(part)

    def count(self, start: datetime, end: datetime, role: Role = "production") -> tuple[int, datetime | None]:
        """How many rows there are in a window, as `happened` counts, and the time of the first."""
        query = sql.select(sql.func.count(), sql.func.min(MOMENT))
        with self._begin() as connection:
            found = connection.execute(query.where(start <= MOMENT, end > MOMENT, PREDICTIONS.c.role == role)).one()
        return found[0], found[1]

    def told(self, day: str) -> set[tuple[str, str]]:
        """The (cause, place) pairs of the alerts that were delivered on this day."""
        with self._begin() as connection:
            rows = connection.execute(sql.select(ALERTS.c.cause, ALERTS.c.place).where(ALERTS.c.day == day))
            return {(cause, place) for cause, place in rows}

    def tell(self, day: str, cause: str, place: str) -> None:
        """Remember an alert as delivered."""
        insert = INSERTS[self._engine.dialect.name]
        with self._begin() as connection:
            connection.execute(insert(ALERTS).on_conflict_do_nothing(), {"day": day, "cause": cause, "place": place})

    def remember(self, at: datetime, content: bytes) -> None:
        """Keep what a check of production found: its monitor.json."""
        insert = INSERTS[self._engine.dialect.name]
        with self._begin() as connection:
            connection.execute(insert(CHECKS).on_conflict_do_nothing(), {"at": at, "content": msgspec.Raw(content)})

    def checks(self, number: int) -> list[tuple[datetime, dict[str, Any]]]:
        """The newest checks, newest first: when they were made, and their monitor.json."""
        query = sql.select(CHECKS.c.at, CHECKS.c.content).order_by(CHECKS.c.at.desc()).limit(number)
        with self._begin() as connection:
            return [(at, content) for at, content in connection.execute(query)]

    def _begin(self) -> Any:
        """A transaction, after the tables are there."""
        with self._preparing:
            if not self._prepared:
                self._prepare()
                self._prepared = True
        return self._engine.begin()

    def _prepare(self) -> None:
        """Make the tables that aren't there. Another process may be making them, too: then it is asked again."""
        for left in reversed(range(1 + len(TABLES.tables))):
            try:
                TABLES.create_all(self._engine)
            except sql.exc.DBAPIError as error:
                if not left or error.statement is None:  # it can't be reached, say
                    raise
            else:
                return


def _read_while_written(connection: Any, _record: Any) -> None:
    """SQLite's write-ahead log lets others read while the service writes; who writes waits for who does."""
    connection.execute(f"PRAGMA busy_timeout={LONGEST_WAIT * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")
