"""What production answered since the newest row of data/, and what came true of it, becomes one more partition: on a
branch of its own, with what the monitor and the experiment say of it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from mlops.console import Say
from mlops.contract import BadInput, Schema
from mlops.hub import Hub
from mlops.judging import experiment, trial
from mlops.judging.record import Comparison
from mlops.params import Params
from mlops.releasing import addition, storage
from mlops.store import Store
from mlops.training import read
from mlops.watching import alerts, check, labelled, partition, proposal
from mlops.watching.baseline import Baseline
from mlops.watching.labelled import Labelled
from mlops.watching.record import Monitor
from mlops.workspace import Workspace

NAME = re.compile(r"\d{4}-\d\d-\d\d_(\d{4}-\d\d-\d\d)\.parquet")
EVIDENCE = f"{addition.SCRATCH}/evidence"
PUBLIC = (
    "production's rows would go to the branch dvc-storage, and the repository isn't known to be private: keep data "
    "elsewhere (`nox -s storage -- s3://bucket/path`), or set retrain.publish: true in params.yaml"
)


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Parameters
    ----------
    until
        Last day whose rows are taken; else the last closed one.
    days
        Length of the window that the evidence is of; else all days that are taken.
    push
        Send data and branch to the origin, and open the pull request where there is a `hub`.
    waits
        The workflows of a pull request that is opened here wait for a click.
    """

    root: Path
    schema: Schema
    limits: Params
    reason: str = ""
    until: date | None = None
    days: int | None = None
    push: bool = False
    hub: Hub | None = None
    waits: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def run(request: Request, store: Store, baseline: Callable[[str], Baseline], say: Say) -> str:
    """Do it; what was done, or why nothing was, in words.

    Raises
    ------
    mlops.workspace.StepFailed
        The rows are refused as stage `validate` refuses data.
    """
    root, hub = request.root, request.hub
    if request.push:
        may_leave(root, hub, request.limits.retrain.publish)
    laid = addition.start(root, request.push)
    found = addition.tip(laid, request.push)
    added = add(laid, store, request)
    if isinstance(added, str):
        return added
    taken, file = added
    made = addition.commit(laid, proposal.title(taken))
    if addition.is_there(root, made, found) and (not hub or hub.open_pull_request(addition.BRANCH)):
        return f"nothing new: the branch {addition.BRANCH} holds all of it already"
    compared, seen = compare(laid, made, say), evidence(request, store, taken, baseline)
    opened = proposal.Proposal(taken, file, seen, compared, request.reason, request.waits)
    if not request.push:
        addition.keep(root, made)
        return f"{opened.body}\nThe branch {addition.BRANCH} holds it: look, then `nox -s retrain -- --push`"
    addition.push(laid, made, found)
    return hub.propose(addition.BRANCH, opened.title, opened.body) if hub else f"{addition.BRANCH} is pushed"


def may_leave(root: Path, hub: Hub | None, publish: bool) -> None:
    """Production's rows go to a branch only where strangers can't read it, or where the owner wants it so.

    Raises
    ------
    BadInput
        The storage is a branch of a repository that is public, or of which nobody here knows whether it is.
    """
    if storage.remote(root).on_branch and not publish and not (hub and hub.repository.private):
        raise BadInput(PUBLIC)


def add(laid: Workspace, store: Store, request: Request) -> tuple[Labelled, str] | str:
    """Put the new rows among the data of `laid`: what they are, and their file; or say why there are none."""
    last, like = newest(laid.folder / "data", request.schema)
    limits, span = request.limits.retrain, labelled.window(request.schema, last, request.until, request.now)
    taken = labelled.collect(store, request.schema, span, limits)
    if len(taken.rows) < limits.min_rows:
        few = f"{len(taken.rows)} rows with outcomes after {last or 'the beginning'} and up to {span.last}"
        return "\n".join([f"nothing new: {few}, not {limits.min_rows} (retrain.min_rows)", *taken.left_out])
    name = f"{taken.days[0]}_{taken.days[-1]}.parquet"
    addition.add(laid, name, partition.parquet(taken.rows, request.schema, like))
    return taken, f"data/{name}"


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


def compare(laid: Workspace, made: str, say: Say) -> Comparison | str:
    """The commit against the main that it is made on, as its pull request will; or why that failed."""
    try:
        return experiment.run(experiment.case(laid.root, laid.tree, head=made), say)
    except trial.Failed as error:
        return str(error)


def evidence(request: Request, store: Store, taken: Labelled, baseline: Callable[[str], Baseline]) -> Monitor:
    """What the monitor says of the days that were taken, or of the newest of them."""
    root, limits, days = request.root, request.limits.monitor, taken.days
    chosen = msgspec.structs.replace(limits, days=request.days or (days[-1] - days[0]).days + 1)
    owner = alerts.owner(limits.owner, root / ".github/CODEOWNERS")
    return check.run(store, baseline, check.Question(chosen, owner, request.now, days[-1]), root / EVIDENCE)
