"""The storage in Azure, played by Azurite: `nox -s azurite` runs this, and `make test` doesn't, as npm is needed."""

import base64
import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from mlops.contract import BadInput
from mlops.objects import Objects
from mlops.pointers import needed, relative
from tests.conftest import ENVIRONMENT, ROOT, Project, clone

ACCOUNT, KEY = "acme", base64.b64encode(b"key").decode()


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[BlobServiceClient]:
    """An account with a container `models`, and its connection string in the environment."""
    command = [ROOT / "tests/azurite/node_modules/.bin/azurite-blob", "--inMemoryPersistence", "--disableTelemetry"]
    command += ["--skipApiVersionCheck", "--blobHost=127.0.0.1", "--blobPort=0"]  # it says which one it took
    environment = {**ENVIRONMENT, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            said = (re.search(r"listen\w* (?:at|on) (http://[\d.:]+)", line) for line in server.stdout)
            url = next(found[1] for found in said if found)
            threading.Thread(target=server.stdout.read, daemon=True).start()  # it says more, which somebody must take
            words = (
                "DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={KEY}",
                f"BlobEndpoint={url}/{ACCOUNT}", "",
            )  # fmt: skip
            monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", ";".join(words))
            monkeypatch.setitem(ENVIRONMENT, "AZURE_STORAGE_CONNECTION_STRING", ";".join(words))
            with BlobServiceClient.from_connection_string(";".join(words), retry_total=0) as client:
                client.create_container("models")
                yield client
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # the wheel's `node` starts another process


def test_everything_moves_to_azure_and_is_read_from_there_alone(
    azure: BlobServiceClient, template: Path, tmp_path: Path
) -> None:
    ann, bob, cleo = (clone(template, tmp_path / name) for name in ("ann", "bob", "cleo"))
    told = move(ann)
    assert "azure://models/flights is the storage now: 21 objects" in told
    assert '"azure"]' in (ann.root / "pyproject.toml").read_text()
    assert KEY not in (ann.root / ".dvc/config").read_text()
    assert move(ann) == told
    add_june(ann)
    ann.must("git", "rm", "-r", "--quiet", ".dvc/seed")
    ann.commit("June, and nothing is bundled any more")
    assert ann.must("python", "-m", "pipelines.storage", "push").startswith("1 new objects")
    for one in (bob, cleo):
        one.must("git", "pull", "--quiet", str(ann.root), "change")
    bob.must("dvc", "pull", "--quiet")
    objects = Objects(ann.root, "HEAD")
    assert len([objects.get(md5) for md5 in needed(bob.root)]) == 12
    june = hashlib.md5((bob.root / "data/2013-06.parquet").read_bytes(), usedforsecurity=False).hexdigest()
    azure.get_blob_client("models", f"flights/{relative(june)}").upload_blob(b"other bytes", overwrite=True)
    with pytest.raises(BadInput, match=f"{june} is damaged in azure://models/flights"):
        objects.get(june)
    assert cleo.run("dvc", "pull", "--quiet", "data.dvc").returncode == 1
    assert ann.must("python", "-m", "pipelines.storage", "push").startswith("1 new objects")
    cleo.must("dvc", "pull", "--quiet", "data.dvc")


def test_azure_that_refuses_leaves_everything_as_it_was(
    azure: BlobServiceClient, template: Path, tmp_path: Path
) -> None:
    ann = clone(template, tmp_path / "ann")
    azure.delete_container("models")
    done = ann.step("storage", "azure://models/flights", "--account", ACCOUNT)
    assert done.returncode == 1
    assert done.stderr.startswith("error: azure://models/flights: ")
    assert len(done.stderr.splitlines()) < 4
    assert ann.must("git", "status", "--porcelain") == ""


def move(project: Project) -> str:
    return project.must("python", "-m", "pipelines.storage", "azure://models/flights", "--account", ACCOUNT)


def add_june(project: Project) -> None:
    project.must("dvc", "pull", "--quiet", "data.dvc", "live.dvc")
    shutil.copy(project.root / "live/2013-06.parquet", project.root / "data/2013-06.parquet")
    project.must("dvc", "add", "--quiet", "data")
