"""Small repositories with data, as `dvc add` would leave them, that share a bare origin."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest

from mlops.pointers import relative
from tests.conftest import ENVIRONMENT, ROOT
from tests.servers import KEYS, seaweed


def digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Clone:
    root: Path

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.root, env=ENVIRONMENT, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def store(self, content: bytes, suffix: str = "", place: str = ".dvc/cache") -> str:
        """Put an object into a folder of this clone; its MD5."""
        md5 = digest(content) + suffix
        file = self.root / place / relative(md5)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return md5

    def add(self, files: dict[str, bytes], place: str = ".dvc/cache") -> str:
        """Make data.dvc own these files, as `dvc add data` would; the MD5 of their list."""
        listing = [{"md5": self.store(content, "", place), "relpath": name} for name, content in sorted(files.items())]
        md5 = self.store(json.dumps(listing).encode(), ".dir", place)
        (self.root / "data.dvc").write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: data\n")
        return md5

    def commit(self, message: str = "a change") -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)


@pytest.fixture
def origin(tmp_path: Path) -> Clone:
    """A bare repository whose one commit has bundled data and the template's .dvc/config."""
    first = Clone(tmp_path / "first")
    (first.root / ".dvc").mkdir(parents=True)
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, first.root / ".dvc")
    first.add({"a.csv": b"bundled"}, ".dvc/seed")
    (first.root / "pyproject.toml").write_text('[tool.uv]\ndefault-groups = ["dev"]\n')
    first.git("init", "--quiet", "--initial-branch=main")
    first.commit()
    first.git("clone", "--quiet", "--bare", ".", str(tmp_path / "origin.git"))
    return Clone(tmp_path / "origin.git")


@pytest.fixture
def clone(origin: Clone, tmp_path: Path) -> Callable[[str], Clone]:
    """Makes clones of the origin, by name."""

    def make(name: str) -> Clone:
        origin.git("clone", "--quiet", ".", str(tmp_path / name))
        return Clone(tmp_path / name)

    return make


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with seaweed(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def s3(server: str, keys: None) -> str:  # noqa: ARG001
    """The address of an S3 server with a bucket `models`; its keys are in the environment."""
    return server


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's keys in the environment, and nothing left of those that another test used."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
