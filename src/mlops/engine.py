"""What runs a map over partitions or trials: this process, one item after another, or the workers of a Dask cluster."""

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from itertools import chain, islice
from operator import call
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from mlops.contract import BadInput

if TYPE_CHECKING:
    from distributed import Client

Kind = Literal["local", "dask"]
ADDRESS = "DASK_SCHEDULER_ADDRESS"
SWITCH = "ENGINE"  # `local` in the environment of a tree whose code the cluster doesn't have
AHEAD = 4  # items in flight for each worker: as long as one is slow, the others don't run dry
A = TypeVar("A")
B = TypeVar("B")


class Map(Protocol):
    """As the builtin: results in the order of the items, each made when it is asked for or some time before."""

    def __call__(self, function: Callable[[A], B], items: Iterable[A], /) -> Iterator[B]: ...


@contextmanager
def opened(kind: Kind, address: str | None = None, threads: int = 1) -> Iterator[Map]:
    """A map, for as long as the block lasts; a cluster is met, or made, for the first item that there is.

    Parameters
    ----------
    address
        Of Dask's scheduler; default: DASK_SCHEDULER_ADDRESS, and without it a process for each of this machine's cores.
    threads
        Items at a time in this process, for work that leaves the interpreter to others.

    Raises
    ------
    BadInput
        Dask isn't installed, or nobody answers at the address.
    """
    if os.environ.get(SWITCH, kind) == "local":
        pool = ThreadPoolExecutor(threads)
        try:
            yield map if threads == 1 else pool.map
        finally:
            pool.shutdown(cancel_futures=True)
        return
    with ExitStack() as block:
        yield partial(_mapped, cache(lambda: block.enter_context(_client(address or os.environ.get(ADDRESS)))))


@contextmanager
def _client(address: str | None) -> Iterator["Client"]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise BadInput(f"params.yaml: engine is dask, but {error}; install it with `uv sync --group dask`") from None
    if not address:
        with LocalCluster(threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise BadInput(f"{address}: no scheduler of Dask answers ({error}); start one, or unset {ADDRESS}") from None
    with client:
        yield client


def _mapped(wanted: Callable[[], "Client"], function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """Few items at a time are on their way, so that neither they nor their results fill a memory.

    What a worker had when it died others do again. The function, and with it what it carries, such as a model, goes
    over once; being the result of a task, it comes back where it is lost.
    """
    items = iter(items)
    first = list(islice(items, 1))
    if not first:
        return
    client = wanted()
    import cloudpickle  # which knows how to send what a step defines, too
    import dask
    from distributed import KilledWorker

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
        held = client.submit(pickle.loads, cloudpickle.dumps(function), pure=False)
    coming: deque[Callable[[], B]] = deque()
    try:
        for item in chain(first, items):
            coming.append(client.submit(call, held, item, pure=False).result)
            if len(coming) >= AHEAD * len(client.nthreads()):
                yield coming.popleft()()
        while coming:
            yield coming.popleft()()
    except KilledWorker as error:
        raise BadInput(f"{error}; often for want of memory: give the workers more, or them less to hold") from None
