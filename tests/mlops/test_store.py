from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sql

from mlops.contract import BadInput
from mlops.store import Moment, Outcome, Prediction, Store
from mlops.tables import TABLES

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def prediction(id="a", **more):
    known = {"version": "v1.0.0", "at": NOON, "row": {"x": 1.0}, "output": {"value": 2.0}}
    return Prediction(id=id, **known | more)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "sqlite":
        return Store.connect(f"sqlite:///{tmp_path}/store.db")
    made = Store.connect(request.getfixturevalue("postgres"))
    with made._begin() as connection:
        connection.exec_driver_sql("TRUNCATE predictions, outcomes, alerts, checks")
    return made


def test_two_that_open_a_new_store_at_once_both_find_its_tables(store):
    """A service and a monitor, say: the second makes the tables while the first is about to."""
    TABLES.drop_all(store._engine)
    first, second = (Store.connect(store._engine.url.render_as_string(hide_password=False)) for _ in range(2))

    @sql.event.listens_for(first._engine, "before_cursor_execute")
    def meanwhile(_connection, _cursor, statement, *_rest):
        if statement.lstrip().startswith("CREATE TABLE"):
            assert second.checks(1) == []

    assert first.checks(1) == []
    first.add([prediction()])
    assert second.prediction("a") == prediction()


def test_a_prediction_comes_back_as_it_was_stored(store):
    wanted = prediction(row={"x": None, "text": "é\u0000"}, event_time=NOON - timedelta(hours=1))
    store.add([wanted])
    assert store.prediction("a") == wanted
    assert store.prediction("b") is None


def test_the_first_of_one_id_stays_and_storing_again_changes_nothing(store):
    for version in ("v1.0.0", "v2.0.0"):
        store.add([prediction(version=version)] * 2, [Outcome(id="a", at=NOON, value=version)])
    assert store.prediction("a").version == "v1.0.0"
    assert store.outcome("a").value == "v1.0.0"


def test_what_was_collected_comes_of_both_roles_by_time_with_outcomes(store):
    old, new = prediction(event_time=NOON - timedelta(days=2)), prediction("b", role="challenger", at=NOON)
    store.add([new, prediction("b", role="production"), old], [Outcome(id="b", at=NOON, value=1)])
    start, end = NOON - timedelta(days=1), NOON + timedelta(seconds=1)
    (part,) = store.collected(start, end)
    assert part == [("b", NOON, '{"x":1.0}', "1")] * 2
    (part,) = store.collected(start - timedelta(days=1), end)
    assert [id for id, *_ in part] == ["a", "b", "b"]
    assert list(store.collected(start, NOON)) == []


def test_a_challenger_answers_under_the_same_id(store):
    store.add([prediction(), prediction(role="challenger", version="v2.0.0")])
    assert store.prediction("a").version == "v1.0.0"
    assert store.prediction("a", "challenger").version == "v2.0.0"


def test_times_are_in_utc_whatever_zone_they_came_in(store):
    store.add([prediction(at=NOON.astimezone(timezone(timedelta(hours=5))))])
    assert store.prediction("a").at.isoformat() == "2026-05-01T12:00:00+00:00"


def test_a_window_holds_its_start_and_not_its_end_and_brings_outcomes(store):
    store.add([prediction(str(hour), at=NOON + timedelta(hours=hour)) for hour in (2, 0, 1)])
    store.add([], [Outcome(id="1", at=NOON, value=0)])
    found = list(store.between(NOON, NOON + timedelta(hours=2)))
    assert [(row.id, known and known.value) for row, known in found] == [("0", None), ("1", 0)]


def test_the_newest_row_counts_by_its_own_time_where_it_has_one(store):
    assert store.newest() is None
    late = prediction("a", version="v2.0.0", at=NOON + timedelta(days=9), event_time=NOON - timedelta(days=9))
    store.add([late, prediction("b"), prediction("c", role="challenger", at=NOON + timedelta(days=1))])
    assert store.newest() == Moment("v1.0.0", NOON, NOON)


def test_what_happened_in_a_window_comes_with_outcomes_whenever_it_was_answered(store):
    hours = {"a": -1, "b": 0, "c": 1, "d": 2}
    for id, hour in hours.items():
        own = {"event_time": NOON + timedelta(hours=hour), "at": NOON + timedelta(days=9)} if id != "c" else {}
        store.add([prediction(id, **{"at": NOON + timedelta(hours=hour)} | own)])
    store.add([], [Outcome(id="b", at=NOON, value="late")])
    window = (NOON, NOON + timedelta(hours=2))
    found = sorted(row for part in store.happened(*window) for row in part)
    assert [(row[1], row[2], row[4]) for row in found] == [
        (NOON, '{"x":1.0}', '"late"'), (NOON + timedelta(hours=1), '{"x":1.0}', None),
    ]  # fmt: skip
    assert store.count(*window) == (2, NOON)
    assert store.count(NOON + timedelta(days=5), NOON + timedelta(days=6)) == (0, None)


def test_an_alert_is_remembered_for_its_day_cause_and_place(store):
    for _ in range(2):
        store.tell("2026-05-01", "drift", "here")
    assert store.told("2026-05-01") == {("drift", "here")}
    assert store.told("2026-05-02") == set()


def test_checks_come_back_newest_first(store):
    assert store.checks(2) == []
    for hour in (1, 3, 2):
        store.remember(NOON + timedelta(hours=hour), b'{\n "hour": %d, "text": "\\u0000"\n}\n' % hour)
    found = store.checks(2)
    assert [(at, check["hour"]) for at, check in found] == [(NOON + timedelta(hours=hour), hour) for hour in (3, 2)]


def test_tables_are_made_once_when_two_threads_need_them_at_once(store):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(store.checks, [1] * 8)) == [[]] * 8


@pytest.mark.parametrize("value", [1, 1.0, "late", True, None])
def test_an_outcome_keeps_its_type(store, value):
    store.add([], [Outcome(id="a", at=NOON, value=value)])
    kept = store.outcome("a").value
    assert (type(kept), kept) == (type(value), value)


def test_readers_are_not_blocked_by_a_writer_of_sqlite(tmp_path):
    store = Store.connect(f"sqlite:///{tmp_path}/store.db")
    store.add([prediction()])
    with store._begin() as writer:
        writer.exec_driver_sql("DELETE FROM predictions")
        assert store.prediction("a") is not None


def test_who_writes_to_sqlite_waits_long_enough_for_another_on_a_slow_machine(tmp_path):
    with Store.connect(f"sqlite:///{tmp_path}/store.db")._begin() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/name", "oracle+oracledb://host/name"])
def test_an_unusable_url_is_refused_with_the_remedy(url):
    with pytest.raises(BadInput, match=r"STORE_URL: .*(sqlite|postgresql)"):
        Store.connect(url)
