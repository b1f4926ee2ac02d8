"""A check from the store to its files: what production sent, by real predictions in a real SQLite."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import jsonschema
import msgspec
import numpy as np
import pytest

from mlops.contract import BadInput
from mlops.store import Outcome, Prediction, Store
from mlops.watching import check
from tests.conftest import ROOT
from tests.mlops.watching.conftest import LIMITS, weather

NOW = datetime(2026, 6, 8, 12, tzinfo=UTC)
ANSWERED = NOW - timedelta(hours=1)


@pytest.fixture
def store(tmp_path):
    return Store.connect(f"sqlite:///{tmp_path}/store.db")


@pytest.fixture
def fill(store, model):
    """Predictions of rows, with their outcomes, and with the rows' own times or those of their requests."""

    def put(rows, version="v1.0.0", outcomes=True, own_time=True, answered=ANSWERED, name="p"):
        inputs = rows[["heat", "dew", "site"]].astype(object)
        inputs = inputs.where(inputs.notna(), None).to_dict("records")
        times = [time.to_pydatetime() for time in rows["at"]]
        predictions = [
            Prediction(
                id=f"{name}{i}", version=version, at=answered if own_time else times[i], row=inputs[i],
                event_time=times[i] if own_time else None, output={"probabilities": {"0": a, "1": b}},
            )
            for i, (a, b) in enumerate(model.predict(rows).tolist())
        ]  # fmt: skip
        known = [Outcome(id=f"{name}{i}", at=answered, value=int(v)) for i, v in enumerate(rows["late"])]
        store.add(predictions, known if outcomes else [])

    return put


@pytest.fixture
def run(store, base, asked, tmp_path):
    def look(**changes):
        return check.run(store, lambda _: base, replace(asked, **changes), tmp_path / "monitor")

    return look


def test_an_ordinary_week_needs_nothing(fill, run, week):
    fill(week)
    found = run()
    assert (found.decision.action, found.window.rows, found.performance.outcomes) == ("none", 700, 700)
    assert (found.window.start, found.window.end) == ("2026-06-01", "2026-06-07")
    assert found.alarms == []


def test_files_are_written_and_fit_the_schema(fill, run, week, tmp_path):
    fill(week)
    found = run()
    written = json.loads((tmp_path / "monitor/monitor.json").read_bytes())
    schema = json.loads((ROOT / "src/mlops/watching/monitor.schema.json").read_bytes())
    jsonschema.validate(written, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written | {"decision": {"action": "panic", "reasons": ["x"]}}, schema)
    assert msgspec.to_builtins(found)["decision"] == written["decision"]
    assert (tmp_path / "monitor/summary.md").read_text().startswith("### Nothing to do\n")
    assert (tmp_path / "monitor/page.html").read_text().count("<svg") == 3


@pytest.mark.parametrize(
    ("fault", "kind", "column", "words"),
    [
        ({"heat": np.nan}, "missing", "heat", "`heat` is missing in 100.0% of rows, 0.0% in training"),
        ({"heat": 51.0}, "frozen", "heat", "`heat` stands still near 51"),
        ({"heat": 500.0}, "range", "heat", "`heat` is outside -40 to 120 deg F in 100.0% of rows"),
        ({"site": "A"}, "gone", "site", "`site` is never B, C, as"),
        ({"site": "Z"}, "category", "site", "`site` has a category that no training row has in 100.0% of rows: Z"),
    ],
)
def test_a_fault_of_the_data_is_investigated_and_named(fill, run, week, fault, kind, column, words):
    fill(week.assign(**fault))
    found = run()
    assert found.decision.action == "investigate"
    assert (kind, column) in {(finding.kind, finding.column) for finding in found.alarms}
    assert any(reason.startswith(words) for reason in found.decision.reasons)


def test_two_swapped_columns_are_a_fault(fill, run, week):
    fill(week.rename(columns={"heat": "dew", "dew": "heat"}))
    found = run()
    assert found.decision.action == "investigate"
    assert found.alarms[0].column == "heat and dew"


def test_another_season_is_drift_and_calls_for_retraining(fill, run):
    fill(weather("2026-06-01", 7, seed=3, warmer=40))
    found = run()
    assert found.decision.action == "retrain"
    assert any(
        reason.startswith("`heat` moved by") and "2026-06-01 to 2026-06-07" in reason
        for reason in found.decision.reasons
    )


def test_a_worse_loss_alone_calls_for_retraining(fill, run):
    fill(weather("2026-06-01", 7, seed=3, rate=3.0))
    found = run()
    assert found.decision.action == "retrain"
    assert found.decision.reasons[0].startswith("loss ")


def test_without_outcomes_the_loss_is_said_to_be_unknown(fill, run, week):
    fill(week, outcomes=False)
    found = run()
    assert found.decision.action == "none"
    assert found.decision.reasons[-1] == "the loss isn't known: 0 outcomes"
    assert found.performance is None


def test_an_empty_store_is_said_to_be_empty(run):
    found = run()
    assert found.decision.reasons == ["the store is empty: the service has answered nothing yet"]


def test_too_few_rows_are_said_to_be_too_few(fill, run, week):
    fill(week.tail(99))
    found = run()
    assert found.decision.reasons == [
        "not enough data: 99 predictions of v1.0.0 from 2026-06-01 to 2026-06-07, not 100"
    ]
    assert found.findings == []


def test_rows_of_another_version_are_counted_and_not_judged(fill, run, week):
    fill(week)
    fill(weather("2026-06-01", 7, seed=4, warmer=40).head(600), version="v0.9.0", name="q")
    found = run()
    assert (found.window.model, found.window.rows, found.window.others) == ("v1.0.0", 700, 600)
    assert found.decision.action == "none"


def test_where_rows_have_no_time_that_of_the_request_counts(fill, run, week):
    fill(week, own_time=False)
    assert run().window.rows == 700


def test_the_day_that_is_not_over_waits(fill, run):
    fill(weather("2026-06-01", 8, seed=3), own_time=False)
    found = run()
    assert (found.window.end, found.window.rows) == ("2026-06-07", 700)
    assert len(found.days) == 7


def test_any_earlier_window_can_be_asked_for(fill, run):
    fill(weather("2026-05-01", 38, seed=3))
    found = run(until=date(2026, 5, 31), limits=msgspec.structs.replace(LIMITS, days=30))
    assert (found.window.start, found.window.rows) == ("2026-05-02", 3000)


def test_half_of_the_traffic_is_missed_and_an_equal_one_is_not(fill, run):
    month = weather("2026-05-01", 38, seed=3)
    fill(month[(month.index < 3100) | (month.index % 3 == 0)])
    assert "volume" in {finding.kind for finding in run().alarms}
    fill(month, name="q")
    assert "volume" not in {finding.kind for finding in run(until=date(2026, 5, 30)).alarms}


def test_a_service_that_fell_silent_is_investigated(fill, run, week):
    fill(week, answered=NOW - timedelta(days=3))
    found = run()
    assert found.decision.action == "investigate"
    assert found.decision.reasons[0].startswith("no prediction since 2026-06-05 12:00 UTC")


def test_a_store_that_can_not_be_read_is_named_without_its_password(base, asked, tmp_path):
    store = Store.connect("postgresql+psycopg://user:secret@127.0.0.1:1/none")
    with pytest.raises(BadInput, match="STORE_URL: the store can't be read or written") as error:
        check.run(store, lambda _: base, asked, tmp_path)
    assert "secret" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
