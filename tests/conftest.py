"""Real projects in temporary folders: clones of this work tree, with DVC, git and the locked environment."""

import os
import random
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = "8000"
GROUP = re.compile(r'^pytestmark = .*xdist_group\("(\w+)"\)', re.MULTILINE)
LONGEST = (
    "test_readme.py", "test_adopt.py", "test_update.py", "test_deployments.py", "test_pull_requests.py",
    "test_experiment.py", "test_outcomes.py", "test_retraining.py", "test_mutants.py", "test_first_day.py",
)  # fmt: skip
ORDER = "ORDER"  # in the environment: the seed of a random order
os.environ |= {  # of the tests' own processes and of those that they start
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",  # whatever whoever runs the tests has set
    "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin take the time of other tests
}  # fmt: skip
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com",
    "UV_PROJECT_ENVIRONMENT": sys.prefix,
}  # fmt: skip


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep the tests of a group on one worker, which `--dist=loadgroup` of xdist 3.8 no longer does with pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process waits for another's at the end.

    In a random order modules and their tests are shuffled, but for tests that build on each other (`in_order`).
    """
    if ORDER in os.environ:
        shuffle(items, random.Random(os.environ[ORDER]))  # noqa: S311
    items.sort(key=lambda item: not item.nodeid.partition("::")[0].endswith(LONGEST))


def shuffle(items: list[pytest.Item], chance: random.Random) -> None:
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
    for tests in modules.values():
        if not tests[0].get_closest_marker("in_order"):
            chance.shuffle(tests)
    names = list(modules)
    chance.shuffle(names)
    items[:] = [item for name in names for item in modules[name]]


def group(nodeid: str) -> str:
    """What a test's module names in its `pytestmark`, else the test itself."""
    found = GROUP.search(source(nodeid.partition("::")[0]))
    return found[1] if found else nodeid


@cache
def source(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Project:
    """A repository in a folder of its own."""

    root: Path

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command there; `stdout` and `stderr` are text."""
        return subprocess.run(
            command, cwd=self.root, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=False
        )

    def must(self, *command: str, **environment: str) -> str:
        """Run a command that succeeds; its output."""
        done = self.run(*command, **environment)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def step(self, name: str, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.run("python", "-m", f"pipelines.{name}", *options)

    def experiment(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.step("experiment", "--sample", SAMPLE, *options)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text that must be there."""
        text = (self.root / file).read_text(encoding="utf-8")
        assert old in text, f"{file} no longer holds {old!r}"
        (self.root / file).write_text(text.replace(old, new), encoding="utf-8")

    def commit(self, message: str = "a change") -> None:
        self.must("git", "add", "--all")
        self.must("git", "commit", "--quiet", "--message", message)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test processes of this run share, with DVC's cache, which holds what is bundled.

    Two that pull one object at once stop each other: DVC makes it read-only, and then root alone may write.
    """
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    bundled, filled, part = ROOT / ".dvc/seed/files", folder / "dvc-cache/files", base / "dvc-cache.part"
    if bundled.is_dir() and not filled.exists():
        shutil.copytree(bundled, part)
        for file in part.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o444)
        filled.parent.mkdir(exist_ok=True)
        with suppress(OSError):  # another process was quicker
            part.rename(filled)
    return folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This work tree, uncommitted changes included, as the one commit of a repository on main."""
    project = Project(tmp_path_factory.mktemp("template") / "template")
    copy_work_tree(project.root)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    project.commit("the template")
    return project.root


def copy_work_tree(folder: Path) -> None:
    """Copy every file that git doesn't ignore, as it is now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def clone(template: Path, folder: Path, shared: Path | None = None) -> Project:
    """A clone on a branch of its own; with `shared`, DVC's cache is the one that all tests use, and
    the base of experiments, once trained, the one of all tests in this process."""
    subprocess.run(["git", "clone", "--quiet", template, folder], env=ENVIRONMENT, check=True)
    if shared:
        (folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {shared / 'dvc-cache'}\n", encoding="utf-8")
        (folder / ".dvc/cache").mkdir()
        (folder / ".dvc/cache/experiment").symlink_to(template.parent, target_is_directory=True)
    project = Project(folder)
    project.must("git", "switch", "--quiet", "--create", "change")
    return project


@pytest.fixture
def fresh_clone(template: Path, tmp_path: Path) -> Project:
    """A clone that has seen nothing but git."""
    return clone(template, tmp_path / "clone")


@pytest.fixture
def project(template: Path, tmp_path: Path, shared: Path) -> Project:
    """A clone that shares DVC's cache with the other tests."""
    return clone(template, tmp_path / "clone", shared)


@pytest.fixture(scope="session")
def diabetes_once(template: Path, tmp_path_factory: pytest.TempPathFactory, shared: Path) -> tuple[Project, str]:
    """A project that took up a stranger's table, and what was said; for tests of the group `adopt`, which share it."""
    from tests.adopted import adopted, linear

    return adopted(linear(template, tmp_path_factory.mktemp("diabetes"), shared), "diabetes")


@pytest.fixture
def diabetes(diabetes_once: tuple[Project, str], tmp_path: Path) -> Project:
    return Project(shutil.copytree(diabetes_once[0].root, tmp_path / "clone", symlinks=True))
