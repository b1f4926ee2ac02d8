"""What production answered since the newest row of data/, and what came true of it, becomes one more partition."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops.console import Say
from mlops.contract import BadInput, Schema
from mlops.hub import Hub
from mlops.judging import experiment
from mlops.judging.record import Comparison
from mlops.params import Retrain
from mlops.releasing import addition, storage
from mlops.store import Store
from mlops.training import read
from mlops.watching import labelled, partition
from mlops.watching.labelled import Labelled
from mlops.workspace import Workspace

NAME = re.compile(r"\d{4}-\d\d-\d\d_(\d{4}-\d\d-\d\d)\.parquet")
PUBLIC = (
    "production's rows would go to the branch dvc-storage, and the repository isn't known to be private: keep data "
    "elsewhere (`nox -s storage -- s3://bucket/path`), or set retrain.publish: true in params.yaml"
)


@dataclass(frozen=True)
class Asked:
    """Rows up to `until`, or else all closed days, as of `now`."""

    schema: Schema
    limits: Retrain
    now: datetime
    until: date | None = None


@dataclass(frozen=True)
class Added:
    """The new rows, and the data file that they became."""

    taken: Labelled
    file: str


def add(laid: Workspace, store: Store, asked: Asked) -> Added | str:
    """Put the new rows among the data of `laid`; or say why there are none.

    Raises
    ------
    mlops.workspace.StepFailed
        They are refused as stage `validate` refuses data.
    """
    last, like = newest(laid.folder / "data", asked.schema)
    span = labelled.window(asked.schema, last, asked.until, asked.now)
    taken = labelled.collect(store, asked.schema, span, asked.limits)
    if len(taken.rows) < asked.limits.min_rows:
        few = (
            f"nothing new: {len(taken.rows)} rows with outcomes after {last or 'the beginning'} and up to {span.last}, "
        )
        return "\n".join([f"{few}not {asked.limits.min_rows} (retrain.min_rows)", *taken.left_out])
    name = f"{taken.days[0]}_{taken.days[-1]}.parquet"
    addition.add(laid, name, partition.parquet(taken.rows, asked.schema, like))
    return Added(taken, f"data/{name}")


def compare(laid: Workspace, made: str, say: Say) -> Comparison | str:
    """The commit against the main that it is made on, as its pull request will; or why that failed."""
    try:
        return experiment.run(experiment.Request(laid.root, laid.tree, head=made), say)
    except experiment.Failed as error:
        return str(error)


def newest(folder: Path, schema: Schema) -> tuple[date | None, pa.Schema | None]:
    """The last local day that the data has, and the types of its last Parquet file.

    Without a time column the names of earlier partitions say which days were taken.
    """
    paths = read.partitions(folder)
    parquet = [path for path in paths if path.suffix == ".parquet"]
    like = pq.read_schema(parquet[-1]) if parquet else None
    if schema.time is None:
        named = [date.fromisoformat(match[1]) for path in paths if (match := NAME.fullmatch(path.name))]
        return max(named, default=None), like
    times = [read.partition(path, schema)[0][schema.time].max() for path in paths]
    return max(times).tz_convert(schema.zone).date(), like


def may_leave(root: Path, hub: Hub | None, publish: bool) -> None:
    """Production's rows go to a branch only where strangers can't read it, or where the owner wants it so.

    Raises
    ------
    BadInput
        The storage is a branch of a repository that is public, or of which nobody here knows whether it is.
    """
    if storage.remote(root).on_branch and not publish and not (hub and hub.repository.private):
        raise BadInput(PUBLIC)
