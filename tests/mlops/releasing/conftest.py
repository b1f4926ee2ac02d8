"""Small repositories with data, as `dvc add` would leave them, that share a bare origin; tiny models to release."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlops.contract import Schema, column, encode
from mlops.pointers import relative
from mlops.releasing import registry
from mlops.releasing.branch import Branch
from mlops.training import fit
from tests.conftest import ENVIRONMENT, ROOT


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

    def release(self, version: str, files: dict[str, bytes], trailers: str = "") -> str:
        """Tag a release commit, its objects on the branch, as `mlops.releasing.release` does; its id."""
        main = self.git("rev-parse", "HEAD")
        md5s = {name: self.store(content) for name, content in files.items()}
        Branch(self.root).send({md5: self.root / ".dvc/cache" / relative(md5) for md5 in md5s.values()})
        outs = [{"path": f"artifacts/{name}", "md5": md5} for name, md5 in md5s.items()]
        (self.root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"train": {"outs": outs}}}))
        self.commit(f"Release {version}\n\nWhy.\n\n{trailers}")
        commit = self.git("rev-parse", "HEAD")
        registry.tag(self.root, f"model@{version}", commit, version, "origin")
        self.git("reset", "--quiet", "--hard", main)
        return commit


@pytest.fixture(autouse=True)
def actor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who makes tags and commits."""
    monkeypatch.setenv("GITHUB_ACTOR", "ann")


@pytest.fixture(scope="session")
def models() -> list[dict[str, bytes]]:
    """Three models of one problem, each as its two files; all but the seed is the same."""
    columns = {
        "at": column("timestamp", "time"),
        "carrier": column("text", "input", categories=("AA", "HA")),
        "wind": column("number", "input", unit="mph", low=0, high=100, missing=True),
        "late": column("integer", "target"),
    }
    schema, random = Schema(task="binary", columns=columns), np.random.default_rng(0)
    times = pd.Series(pd.date_range("2013-01-01", periods=60, freq="h", tz="UTC"))
    rows = pd.DataFrame({"at": times, "carrier": ["AA", "HA"] * 30, "wind": random.uniform(0, 90, 60)})
    rows["late"] = (rows["wind"] > random.uniform(0, 90, 60)).astype(int)
    return [_model(rows, schema, seed) for seed in range(3)]


def _model(rows: pd.DataFrame, schema: Schema, seed: int) -> dict[str, bytes]:
    def build(seed: int) -> object:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        features = make_column_transformer((encoder, ["carrier"]), ("passthrough", ["wind"]))
        return make_pipeline(features, RandomForestClassifier(3, random_state=seed))

    graph, classes = fit.fit(build, rows, schema, seed)
    return {"model.onnx": graph, "model.json": encode(fit.describe(graph, classes, rows, schema, seed, {}))}


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bare `origin.git` (see below), and `released.git`, which has three versions besides."""
    folder = tmp_path_factory.mktemp("made")
    first = Clone(folder / "first")
    (first.root / ".dvc").mkdir(parents=True)
    shutil.copy(ROOT / ".dvc/.gitignore", first.root / ".dvc")
    (first.root / ".dvc/config").write_text(
        (ROOT / ".dvc/config").read_text().replace("remote = storage", "remote = seed")
    )
    first.add({"a.csv": b"bundled"}, ".dvc/seed")
    first.git("init", "--quiet", "--initial-branch=main")
    first.commit()
    first.git("clone", "--quiet", "--bare", ".", str(folder / "origin.git"))
    for number, verdict in enumerate(("better", "inconclusive", "incomparable")):
        first.git("commit", "--quiet", "--allow-empty", "--message", "Release", "--message", f"Verdict: {verdict}")
        first.git("tag", "--annotate", "--message", "a version", f"model@v1.{number}.0")
    first.git("clone", "--quiet", "--bare", ".", str(folder / "released.git"))
    return folder


@pytest.fixture
def origin(made_once: Path, tmp_path: Path) -> Clone:
    """A bare repository whose one commit has bundled data and the template's .dvc/config."""
    return Clone(shutil.copytree(made_once / "origin.git", tmp_path / "origin.git"))


@pytest.fixture
def clone(origin: Clone, tmp_path: Path) -> Callable[[str], Clone]:
    """Makes clones of the origin, by name."""

    def make(name: str) -> Clone:
        origin.git("clone", "--quiet", ".", str(tmp_path / name))
        return Clone(tmp_path / name)

    return make


@pytest.fixture
def ann(made_once: Path, origin: Clone, clone: Callable[[str], Clone]) -> Clone:
    """A clone with v1.0.0 to v1.2.0, of which the last can't be compared with its champion, in no stage yet."""
    origin.git("fetch", "--quiet", "--tags", str(made_once / "released.git"))
    return clone("ann")


@pytest.fixture(scope="session")
def deployed_once(made_once: Path, models: list[dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployed")
    origin = Clone(shutil.copytree(made_once / "origin.git", folder / "origin.git"))
    origin.git("clone", "--quiet", ".", str(folder / "clone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTOR", "ann")
        for number in range(2):
            Clone(folder / "clone").release(f"v1.{number}.0", models[number])
        registry.assign(folder / "clone", "prod", "v1.0.0", "why")
    return origin.root


@pytest.fixture
def bea(deployed_once: Path, origin: Clone, clone: Callable[[str], Clone]) -> Clone:
    """A clone by which v1.0.0 came into production, and v1.1.0 was released: two of the tiny models."""
    origin.git("fetch", "--quiet", str(deployed_once), "+refs/*:refs/*")
    return clone("bea")
