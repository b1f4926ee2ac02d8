"""Tables of the store, and how a time and a value are written in them."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sql


class _Moment(sql.TypeDecorator[datetime]):
    """A time in UTC, also where the database (SQLite) knows no zones."""

    impl = sql.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sql.Dialect) -> datetime | None:  # noqa: ARG002
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sql.Dialect) -> datetime | None:  # noqa: ARG002
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


class _Json(sql.TypeDecorator[Any]):
    """Text, as JSON types differ: SQLite's would turn "1.0" into a number, PostgreSQL's refuses some texts."""

    impl = sql.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sql.Dialect) -> str:  # noqa: ARG002
        return msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: sql.Dialect) -> Any:  # noqa: ARG002
        return value and msgspec.json.decode(value)


TABLES = sql.MetaData()
PREDICTIONS = sql.Table(
    "predictions",
    TABLES,
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("role", sql.String, primary_key=True),
    sql.Column("version", sql.String, nullable=False),
    sql.Column("at", _Moment, nullable=False, index=True),
    sql.Column("event_time", _Moment),
    sql.Column("row", _Json, nullable=False),
    sql.Column("output", _Json, nullable=False),
)
OUTCOMES = sql.Table(
    "outcomes",
    TABLES,
    sql.Column("id", sql.String, primary_key=True),
    sql.Column("at", _Moment, nullable=False, index=True),
    sql.Column("value", _Json, nullable=False),
)
ALERTS = sql.Table(
    "alerts",
    TABLES,
    sql.Column("day", sql.String, primary_key=True),
    sql.Column("cause", sql.String, primary_key=True),
    sql.Column("place", sql.String, primary_key=True),
)
CHECKS = sql.Table(
    "checks",
    TABLES,
    sql.Column("at", _Moment, primary_key=True),
    sql.Column("content", _Json, nullable=False),
)
MOMENT = sql.func.coalesce(PREDICTIONS.c.event_time, PREDICTIONS.c.at)
sql.Index("predictions_moment", MOMENT)
