"""Past rows through the real service on loopback."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from mlops import replay
from mlops.contract import BadInput, Schema, column
from mlops.replay import BATCH
from mlops.store import Store
from pipelines import replay as step
from tests.mlops.serving.conftest import ROOT, SCHEMA, Process, point, release

TOKEN = "right"  # noqa: S105


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A service that asks for a token, and takes 100 rows a request."""
    folder = tmp_path_factory.mktemp("service")
    params = (ROOT / "params.yaml").read_text().replace("max_rows: 10000", "max_rows: 100")
    (folder / "params.yaml").write_text(params.replace("ship_interval: 1", "ship_interval: 0.1"))
    release(folder / "releases", "v1.0.0")
    point(folder / "releases", "v1.0.0")
    service = Process(folder, environment={"SERVICE_TOKEN": TOKEN}).start("/health/ready")
    yield service
    assert service.stop() == 0, service.log()


def past(start, hours, **change):
    """A row an hour, as a file has them: newest first, booleans and whole numbers as floats."""
    count = len(hours)
    columns = {
        "at": [(pd.Timestamp(start, tz=SCHEMA.zone) + timedelta(hours=hour)).tz_convert("UTC") for hour in hours],
        "wind speed": [float(hour) for hour in hours], "gates": [float("nan"), *[3.0] * (count - 1)],
        "open": [1.0] * count, "name": ["JFK"] * count, "region": ["east"] * count,
        "note": ["not sent"] * count,
        "delay": [*[0.5] * (count - 1), float("nan")],
    }  # fmt: skip
    return pd.DataFrame(columns | change)


def send(service, rows, schema=SCHEMA, **more):
    done = replay.replay(str(service.client.base_url), rows, schema, lambda _: None, token=TOKEN, **more)
    assert replay.shipped(str(service.client.base_url))
    return done


def stored(service, day):
    """What the store has of the rows of a local day and the one after: [(row, prediction, outcome)], oldest first."""
    start = pd.Timestamp(day, tz=SCHEMA.zone).to_pydatetime()
    now = datetime.now(UTC)
    known = Store.connect(f"sqlite:///{service.folder}/store.db").between(now - timedelta(hours=1), now)
    mine = [pair for pair in known if start <= pair[0].event_time < start + timedelta(days=2)]
    return sorted(mine, key=lambda pair: pair[0].event_time)


def test_rows_are_sent_as_requests_in_the_order_of_their_times(running):
    assert replay.described(str(running.client.base_url), TOKEN) == SCHEMA
    done = send(running, past("2013-03-01", [30, 2, 1]))
    assert (done.rows, done.outcomes, done.requests) == (3, 2, 4)
    (first, no_outcome), (second, outcome), (third, _) = stored(running, "2013-03-01")
    sent = {"at": "2013-03-01T06:00:00Z", "wind speed": 1.0, "gates": 3.0, "open": True, "region": "east"}
    assert first.row == {**sent, "name": "***"}
    assert (first.output, second.output, third.row["wind speed"]) == ({"value": 1.0}, {"value": 2.0}, 30.0)
    assert "gates" not in third.row
    assert first.at <= second.at < third.at
    assert no_outcome is None
    assert outcome.value == 0.5
    assert outcome.at > third.at


def test_the_same_rows_sent_again_change_nothing_and_equal_rows_are_several(running):
    rows = past("2013-04-01", [1, 1, 1, 2]).assign(gates=3.0)
    for _ in range(2):
        assert send(running, rows).rows == 4
        assert len(stored(running, "2013-04-01")) == 4
    send(running, rows.assign(open=0.0))
    assert len(stored(running, "2013-04-01")) == 8


def test_outcomes_stay_unsent_where_they_are_not_wanted_or_not_there(running):
    assert send(running, past("2013-05-01", [1, 2]), outcomes=False).outcomes == 0
    assert send(running, past("2013-05-01", [3, 4]).drop(columns="delay")).outcomes == 0
    assert [outcome for _, outcome in stored(running, "2013-05-01")] == [None] * 4


def test_what_is_too_much_for_the_service_goes_in_smaller_parts(running):
    said = []
    rows = past("2013-06-01", [1] * 250)
    done = replay.replay(str(running.client.base_url), rows, SCHEMA, said.append, TOKEN, BATCH, outcomes=False)
    assert (sum(said), max(said)) == (250, 62)
    assert done.requests == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ["JFK", None, "JFK"]}, r"file\.parquet, row 2: name: Expected str, got null; mend the row"),
        ({"open": [1.0, 1.0, float("nan")]}, r"file\.parquet, row 3: open: "),
        ({"wind speed": [1.0, 1e39, 1.0]}, r"file\.parquet, row 2: wind speed: "),
    ],
)
def test_a_row_that_is_refused_is_named_with_its_file_and_column(running, change, message):
    rows = pd.concat({"file.parquet": past("2013-07-01", [3, 2, 1], **change).set_axis([1, 2, 3])})
    with pytest.raises(BadInput, match=message):
        send(running, rows)


def test_a_service_that_can_not_answer_is_told_with_the_remedy(running):
    with pytest.raises(BadInput, match=r"127\.0\.0\.1:1: no service answers there .*; start one by `nox -s serve`"):
        replay.described("http://127.0.0.1:1")
    with pytest.raises(BadInput, match="set SERVICE_TOKEN"):
        replay.described(str(running.client.base_url), "wrong")
    with pytest.raises(BadInput, match="/no/model: "):
        replay.described(f"{running.client.base_url}/no", TOKEN)


def test_where_the_schema_has_no_time_rows_are_sent_as_they_stand(running):
    columns = {name: known for name, known in SCHEMA.columns.items() if name != "at"}
    timeless = Schema(task="regression", columns=columns | {"at": column("timestamp", "slice")})
    assert send(running, past("2013-08-01", [2, 1]), timeless).outcomes == 1
    assert len(stored(running, "2013-08-01")) == 2


def test_files_are_read_and_sent_with_a_line_a_tenth(running, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SERVICE_TOKEN", TOKEN)
    past("2013-09-01", [1, 2]).to_csv(tmp_path / "a.csv", index=False)
    past("2013-09-02", [1, 2]).to_parquet(tmp_path / "b.parquet", index=False)
    files = [tmp_path / "a.csv", tmp_path / "b.parquet"]
    url = str(running.client.base_url)
    step.main(Namespace(files=files, url=url, batch=BATCH, outcomes=True), tmp_path)
    said = capsys.readouterr()
    assert said.out.startswith("4 rows, 2 outcomes, 4 requests, ")
    assert said.out.endswith("all is in the store\n")
    assert said.err == "2 of 4 rows\n4 of 4 rows\n"


def test_a_file_that_breaks_the_schema_is_refused_before_anything_is_sent(running, tmp_path):
    past("2013-09-05", [1, 2], colour=["red", "blue"]).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(BadInput, match=r"a\.csv: column 'colour' isn't in the schema"):
        step.load([tmp_path / "a.csv"], SCHEMA)
    assert stored(running, "2013-09-05") == []
