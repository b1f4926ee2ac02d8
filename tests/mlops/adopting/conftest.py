import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlops.adopting import infer, table
from mlops.adopting.infer import Guess
from mlops.adopting.table import Wish
from mlops.workspace import git
from rehearsal.api import GitHub
from tests.conftest import ROOT

RIGHTS = {
    "administration": "write", "environments": "write", "actions": "read",
    "pull-requests": "write", "statuses": "read",
}  # fmt: skip


@pytest.fixture
def guessed(tmp_path: Path) -> Callable[..., Guess]:
    """What is inferred of a few columns, once they are a CSV file."""

    def guess(target: str = "y", **columns: object) -> Guess:
        more = {name: columns.pop(name) for name in ("time", "slices", "keep", "task") if name in columns}
        pd.DataFrame(columns).to_csv(tmp_path / "a.csv", index=False)
        wish = Wish(target, **more)
        return infer.guess(table.load(tmp_path / "a.csv", wish), wish)

    return guess


@pytest.fixture
def somebody(monkeypatch):
    for role, key in product(("AUTHOR", "COMMITTER"), ("NAME", "EMAIL")):
        monkeypatch.setenv(f"GIT_{role}_{key}", "ann")


@pytest.fixture
def github(tmp_path, root):
    with GitHub(tmp_path / "github", bare=root.with_name("origin.git")) as served:
        yield served


@pytest.fixture
def root(tmp_path, somebody):  # noqa: ARG001
    """A project with this repository's settings, and its origin."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / ".github/settings", folder / ".github/settings")
    shutil.copy(ROOT / "params.yaml", folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "settings")
    git(folder, "tag", "--annotate", "--message", "before", "model@v1.0.0")
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "origin.git")
    git(folder, "remote", "add", "origin", str(tmp_path / "origin.git"))
    return folder


@pytest.fixture
def person(monkeypatch):
    """Makes somebody's token the one in the environment; what they may is `rights`."""

    def make(hub, who="ann", **rights):
        token = hub.token(RIGHTS | rights, who)
        monkeypatch.setenv("GITHUB_TOKEN", token)
        monkeypatch.setenv("GITHUB_API_URL", hub.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", hub.repository)
        return token

    return make


def edit(root, name, change):
    """Change the content of one of the files."""
    path = root / f".github/settings/{name}.yml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))
