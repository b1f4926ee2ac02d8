from contextlib import nullcontext
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pytest

from mlops import params, retraining
from mlops.contract import BadInput, Schema, column
from mlops.hub import Hub
from mlops.params import Retrain
from mlops.store import Outcome, Prediction, Store
from mlops.workspace import Workspace
from rehearsal.api import GitHub
from tests.conftest import ROOT

SCHEMA = Schema(
    task="binary",
    zone="America/New_York",
    columns={"at": column("timestamp", "time"), "x": column("number", "input"), "y": column("integer", "target")},
)
UNTIMED = Schema(task="regression", columns={"x": column("number", "input"), "y": column("number", "target")})
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def data(folder: Path, *times: str) -> Path:
    for number, time in enumerate(times):
        rows = pd.DataFrame({"at": [pd.Timestamp(time, tz="UTC")], "x": [1], "y": [0]})
        rows.to_parquet(folder / f"{number}.parquet")
    return folder


def test_the_newest_local_day_is_that_of_any_file_and_types_are_the_last_ones(tmp_path):
    last, like = retraining.newest(data(tmp_path, "2026-06-02 03:00", "2026-05-01 12:00"), SCHEMA)
    assert last == date(2026, 6, 1)
    assert like.field("x").type == pa.int64()


def test_without_a_time_column_the_names_of_earlier_partitions_say_the_day(tmp_path):
    rows = pd.DataFrame({"x": [1.0], "y": [2.0]})
    rows.to_csv(tmp_path / "first.csv", index=False)
    assert retraining.newest(tmp_path, UNTIMED) == (None, None)
    for name in ("2026-01-01_2026-01-31", "2026-02-01_2026-02-28"):
        rows.to_parquet(tmp_path / f"{name}.parquet")
    assert retraining.newest(tmp_path, UNTIMED)[0] == date(2026, 2, 28)


@pytest.fixture
def store(tmp_path):
    made = Store.connect(f"sqlite:///{tmp_path}/store.db")
    at = datetime(2026, 6, 3, 12, tzinfo=UTC)
    kept = {"version": "v1.0.0", "at": at, "event_time": at, "output": {}}
    predictions = [Prediction(id=str(i), row={"at": at, "x": float(i)}, **kept) for i in range(20)]
    made.add(predictions, [Outcome(id=str(i), at=at, value=0) for i in range(20)])
    return made


def asked(min_rows):
    limits = params.load(ROOT)
    limits = msgspec.structs.replace(limits, retrain=Retrain(publish=False, min_known=0.9, min_rows=min_rows))
    return retraining.Request(ROOT, SCHEMA, limits, now=NOW)


@pytest.fixture
def laid(tmp_path):
    folder = tmp_path / "tree"
    (folder / "data").mkdir(parents=True)
    data(folder / "data", "2026-06-01 12:00")
    return Workspace(tmp_path, "main", folder)


def test_too_few_new_rows_are_nothing_new(laid, store):
    said = retraining.add(laid, store, asked(min_rows=21))
    assert said == "nothing new: 20 rows with outcomes after 2026-06-01 and up to 2026-06-30, not 21 (retrain.min_rows)"
    assert [path.name for path in (laid.folder / "data").iterdir()] == ["0.parquet"]


@pytest.mark.parametrize("private", [True, False])
def test_rows_may_leave_for_the_branch_of_a_private_repository_alone(tmp_path, private):
    with GitHub(tmp_path, private=private) as github:
        about = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github.repository, "GITHUB_TOKEN": github.token({})}
        hub = Hub.connect(about)
        refused = pytest.raises(BadInput, match=r"nox -s storage -- s3://.*retrain\.publish: true")
        with nullcontext() if private else refused:
            retraining.may_leave(ROOT, hub, publish=False)
        retraining.may_leave(ROOT, hub, publish=True)


def test_where_nobody_knows_whether_it_is_private_they_stay():
    with pytest.raises(BadInput, match="isn't known to be private"):
        retraining.may_leave(ROOT, None, publish=False)


def test_a_bucket_is_as_private_as_it_is(tmp_path):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("['remote \"storage\"']\n    url = s3://bucket/path\n")
    retraining.may_leave(tmp_path, None, publish=False)
