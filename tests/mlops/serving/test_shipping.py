import asyncio
import os
import resource
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial

import msgspec
import pytest
import sqlalchemy as sql

from mlops.serving import collection
from mlops.serving.shipping import Shipper
from mlops.store import Outcome, Prediction, Store

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def line(id):
    return msgspec.json.encode(Prediction(id=id, version="v1.0.0", at=NOON, row={"x": 1}, output={"value": 2})) + b"\n"


@pytest.fixture
def store(tmp_path):
    return Store.connect(f"sqlite:///{tmp_path}/store.db")


@pytest.fixture
def spool(tmp_path):
    return collection.Spool(tmp_path / "spool", fsync=False)


@pytest.fixture
def shipper(spool, store, tmp_path):
    failures = []
    made = Shipper(spool, tmp_path / "spool", store, 0.1, lambda: failures.append(1))
    made.failures = failures
    return made


def waiting(tmp_path):
    return collection.size(tmp_path / "spool")


def test_what_was_appended_is_stored_and_its_file_is_gone(spool, shipper, store, tmp_path):
    spool.append(line("a") + line("b"))
    spool.append(msgspec.json.encode(Outcome(id="a", at=NOON, value=1)) + b"\n")
    assert shipper.ship()
    assert (store.prediction("b").row, store.outcome("a").value) == ({"x": 1}, 1)
    assert waiting(tmp_path) == 0
    assert len(list((tmp_path / "spool").iterdir())) == 1


def test_nothing_is_written_where_there_is_nothing_to_ship(shipper, tmp_path):
    before = list((tmp_path / "spool").iterdir())
    assert shipper.ship()
    assert list((tmp_path / "spool").iterdir()) == before
    assert not (tmp_path / "store.db").exists()


def test_what_a_living_process_writes_is_left_alone(spool, shipper, store, tmp_path):
    other = collection.Spool(tmp_path / "spool", fsync=False)
    other.append(line("theirs"))
    spool.append(line("mine"))
    shipper.ship()
    assert store.prediction("mine")
    assert store.prediction("theirs") is None
    other.close()
    shipper.ship()
    assert store.prediction("theirs")


def test_a_dead_process_leaves_whole_lines_and_its_torn_one_is_dropped(shipper, store, tmp_path):
    code = f"""
import os, sys
sys.path.insert(0, "src")
from pathlib import Path
from mlops.serving.collection import Spool
spool = Spool(Path({str(tmp_path / "spool")!r}), False)
spool.append({line("whole")!r})
os.write(spool._file, {line("torn")[:-5]!r})
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    assert shipper.ship()
    assert store.prediction("whole")
    assert store.prediction("torn") is None
    assert (waiting(tmp_path), list((tmp_path / "spool").glob("*.damaged"))) == (0, [])


def test_a_damaged_line_is_kept_beside_those_that_are_stored(spool, shipper, store, tmp_path, capfd):
    spool.append(b'{"kind": "prediction"\n' + line("a"))
    assert shipper.ship()
    assert store.prediction("a")
    assert len(list((tmp_path / "spool").glob("*.damaged"))) == 1
    assert '"lines":1' in capfd.readouterr().out


def test_a_store_that_fails_loses_nothing_and_is_tried_again(spool, shipper, store, tmp_path, monkeypatch):
    def down():
        raise sql.exc.OperationalError("connect", {}, OSError("refused"))

    with monkeypatch.context() as patch:
        patch.setattr(store, "_begin", down)
        spool.append(line("a"))
        assert not shipper.ship()
        spool.append(line("b"))
        assert not shipper.ship()
        assert (waiting(tmp_path), len(shipper.failures)) == (2 * len(line("a")), 2)
    assert shipper.ship()
    assert store.prediction("a")
    assert store.prediction("b")
    assert waiting(tmp_path) == 0


def test_a_delivery_that_was_cut_before_its_file_was_removed_is_harmless(spool, shipper, store, monkeypatch):
    spool.append(line("a"))
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: (_ for _ in ()).throw(OSError("killed here")))
        assert not shipper.ship()
    assert store.prediction("a")
    assert shipper.ship()
    assert len(list(store.between(NOON, datetime.now(UTC)))) == 1


@pytest.fixture
def full(tmp_path):
    """A folder, and while what it takes 64 KiB at most: a small file system or, for who may not mount one, a
    limit of files, which would hold for the store, too.
    """
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        yield folder, nullcontext
        subprocess.run(["umount", "--lazy", folder], check=True)
    else:
        yield folder, partial(limited, 2**16)


@contextmanager
def limited(size):
    """No file of this process may grow beyond `size` bytes."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def fill(spool):
    """Append until the disk takes no more; how many lines it took."""
    for count in range(10_000):
        try:
            spool.append(line(f"id{count:04}"))
        except OSError:
            return count
    raise AssertionError("the disk is larger than it should be")


def test_a_full_disk_takes_whole_lines_or_none_and_is_emptied_by_shipping(full, store):
    folder, small = full
    spool = collection.Spool(folder / "spool", fsync=False)
    shipper = Shipper(spool, folder / "spool", store, 0.1, lambda: None)
    with small():
        kept = fill(spool)
        assert collection.size(folder / "spool") == kept * len(line("id0000"))
        with pytest.raises(OSError, match=r"No space|part|large"):
            spool.append(line("id-too-much"))
    assert shipper.ship()
    assert len(list(store.between(NOON, datetime.now(UTC)))) == kept
    spool.append(line("again"))
    assert shipper.ship()
    assert store.prediction("again")


def test_a_write_that_is_cut_leaves_no_torn_line(spool, tmp_path):
    spool.append(line("a"))
    with limited(len(line("a")) + 10), pytest.raises(OSError, match="part"):
        spool.append(line("b"))
    assert waiting(tmp_path) == len(line("a"))
    spool.append(line("c"))
    assert waiting(tmp_path) == 2 * len(line("a"))


def test_durable_waits_for_a_call_that_began_after_the_write_and_shares_it(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fsync", lambda file: calls.append(os.fstat(file).st_size))

    async def write(spool, id):
        spool.append(line(id))
        await spool.durable()

    async def all_at_once():
        spool = collection.Spool(tmp_path / "durable", fsync=True)
        await asyncio.gather(*(write(spool, id) for id in "abcdefgh"))

    asyncio.run(all_at_once())
    assert calls[-1] == 8 * len(line("a"))
    assert len(calls) <= 2


def test_without_fsync_nothing_is_waited_for(spool, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("called"))
    spool.append(line("a"))
    asyncio.run(spool.durable())


def test_closing_leaves_no_empty_file(spool, tmp_path):
    spool.close()
    assert list((tmp_path / "spool").iterdir()) == []
