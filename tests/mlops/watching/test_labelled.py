from datetime import UTC, date, datetime, timedelta

import msgspec
import pandas as pd
import pytest

from mlops.contract import BadInput, Schema, column
from mlops.params import Retrain
from mlops.store import Outcome, Prediction, Store
from mlops.watching import labelled
from tests.mlops.watching.conftest import SCHEMA

NOW = datetime(2026, 6, 4, 1, tzinfo=UTC)  # still the third, in New York
LIMITS = Retrain(publish=False, min_known=0.9, min_rows=1)
UNTIMED = Schema(task="regression", columns={"x": column("number", "input"), "y": column("number", "target")})


@pytest.fixture
def store(tmp_path):
    return Store.connect(f"sqlite:///{tmp_path}/store.db")


def fill(store, day, rows=10, known=10, **more):
    """Rows at noon (UTC) of a day of June, of which the first ones have an outcome."""
    at = datetime(2026, 6, day, 12, tzinfo=UTC)
    kept = {"version": "v1.0.0", "at": NOW, "event_time": at, "row": {"at": at, "heat": 5.0, "site": "A"}, "output": {}}
    ids = [f"{day}-{i}" for i in range(rows)]
    predictions = [Prediction(id=id, **kept | more) for id in ids]
    store.add(predictions, [Outcome(id=id, at=NOW, value=1) for id in ids[:known]])


def collected(store, schema=SCHEMA, after=date(2026, 5, 31), until=None):
    return labelled.collect(store, schema, labelled.window(schema, after, until, NOW), LIMITS)


def test_rows_of_closed_days_come_with_their_outcomes_and_times(store):
    fill(store, 1)
    found = collected(store)
    assert found.days == [date(2026, 6, 1)]
    first = found.rows.iloc[0].to_dict()
    assert (first["heat"], first["site"], first["late"]) == (5.0, "A", 1)
    assert first["at"] == pd.Timestamp("2026-06-01 12:00", tz="UTC")
    assert found.left_out == []


@pytest.mark.parametrize(("after", "until", "days"), [(1, None, [2]), (0, 1, [1]), (2, None, [])])
def test_a_day_is_neither_taken_twice_nor_before_it_is_over(store, after, until, days):
    for day in (1, 2, 3):
        fill(store, day)
    after = date(2026, 5, 31) + timedelta(days=after)
    found = collected(store, after=after, until=until and date(2026, 6, until))
    assert [day.day for day in found.days] == days


@pytest.mark.parametrize(("known", "taken"), [(9, 9), (8, 0), (0, 0)])
def test_a_day_counts_once_enough_of_its_outcomes_are_known(store, known, taken):
    fill(store, 1, known=known)
    found = collected(store)
    assert len(found.rows) == taken
    told = "1 rows of the days taken, whose outcomes aren't known" if taken else f"2026-06-01: {known}0%"
    assert found.left_out[0].replace(" 0%", " 00%").startswith(told.replace("00%", "0%") if known else "2026-06-01: ")


def test_a_day_ends_at_local_midnight(store):
    fill(store, 1, event_time=datetime(2026, 6, 2, 3, 59, tzinfo=UTC))
    assert collected(store).days == [date(2026, 6, 1)]


def test_rows_count_whoever_answered_and_each_id_once(store):
    fill(store, 1, version="v0.9.0")
    fill(store, 1, role="challenger", row={"heat": 9.0})
    fill(store, 2, role="challenger")
    found = collected(store)
    assert len(found.rows) == 20
    assert set(found.rows["heat"]) == {5.0}


def test_without_a_time_column_the_request_says_the_day(store):
    fill(store, 1, event_time=None, at=datetime(2026, 6, 1, 12, tzinfo=UTC), row={"x": 1.0})
    found = collected(store, UNTIMED, after=None)
    assert (found.days, list(found.rows)) == ([date(2026, 6, 1)], ["x", "y"])


def with_column(**added):
    return msgspec.structs.replace(SCHEMA, columns={**SCHEMA.columns, **added})


def test_what_is_sensitive_never_leaves_unmasked(store):
    """Whoever filled the store."""
    schema = with_column(
        name=column("text", "slice", sensitive=True, missing=True), phone=column("number", "ignored", sensitive=True)
    )
    fill(store, 1, row={"heat": 1.0, "site": "A", "name": "Ann Smith", "phone": 123456})
    fill(store, 2, row={"heat": 1.0, "site": "A", "name": None, "phone": 123456})
    rows = collected(store, schema).rows
    assert rows["name"].tolist() == ["***"] * 10 + [None] * 10
    assert "phone" not in rows


@pytest.mark.parametrize("role", ["input", "time", "target"])
def test_a_sensitive_column_that_training_needs_is_refused(store, role):
    name = {"input": "site", "time": "at", "target": "late"}[role]
    schema = with_column(**{name: msgspec.structs.replace(SCHEMA.columns[name], sensitive=True)})
    with pytest.raises(BadInput, match=rf"'{name}' is {role}, and sensitive: production masks it"):
        collected(store, schema)


def test_a_store_that_can_not_be_read_is_said_without_its_password():
    store = Store.connect("postgresql+psycopg://user:secret@127.0.0.1:1/none")
    with pytest.raises(BadInput, match="STORE_URL: the store can't be read or written") as error:
        collected(store)
    assert "secret" not in str(error.value)
