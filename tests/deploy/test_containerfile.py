"""What the images hold, read from the Containerfile and put together without a container: enough, and no more."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from rehearsal import globs
from tests.conftest import ENVIRONMENT, ROOT
from tests.deploy.conftest import PODS, Json, pod, started, unknown
from tests.test_stages import imported
from tests.waiting import PATIENCE, address, eventually

pytestmark = pytest.mark.xdist_group("kubernetes")
CONTAINERFILE = (ROOT / "deploy/Containerfile").read_text()
STEPS = {"service": "serve", "agent": "deploy", "monitor": "monitor"}
WITH_CODE = ("service", "agent")
HEAVY = {
    "service": {"pandas", "sklearn", "dvc", "pygit2", "fsspec", "pytest"},
    "agent": {"pandas", "sklearn", "dvc", "litestar", "sqlalchemy", "pytest"},
}


def stage(name: str, text: str = CONTAINERFILE) -> str:
    """The instructions of one stage."""
    found = re.search(rf"^FROM \S+ AS {name}$(.*?)(?=^FROM|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no stage {name}"
    return found[1]


def copied(target: str, text: str = CONTAINERFILE) -> set[str]:
    """Files and folders of the repository that an image gets."""
    lines = re.findall(r"^COPY (?!--)(.*) \S+$", stage("uv", text) + stage(f"{target}-build", text), re.MULTILINE)
    return {source for line in lines for source in line.split()}


def missing(target: str, text: str = CONTAINERFILE) -> set[str]:
    """Modules that the step of an image imports, and that the image doesn't hold."""
    held = copied(target, text)
    needed = imported(ROOT / f"pipelines/{STEPS[target]}.py")
    return {path for path in needed if not held & {path, *map(str, Path(path).parents)}}


@dataclass(frozen=True)
class Image:
    """A folder that holds what an image holds in /app, its environment included."""

    target: str
    root: Path

    def command(self, *options: str) -> list[str]:
        entry = yaml.safe_load(re.findall(r"^ENTRYPOINT (.*)$", stage(self.target), re.MULTILINE)[0])
        return [entry[0].replace("/app", str(self.root)), *entry[1:], *options]

    def python(self, code: str) -> "subprocess.CompletedProcess[str]":
        return self.run(str(self.root / ".venv/bin/python"), "-c", code)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=WITH_CODE)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    target, root = request.param, tmp_path_factory.mktemp(request.param)
    for source in copied(target):
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        (root / source).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / source, root / source)
    default = dict(re.findall(r"^ARG (\w+)=(\w+)$", stage(f"{target}-build"), re.MULTILINE))
    options = re.findall(r"uv sync (.*)$", stage(f"{target}-build"), re.MULTILINE)[0]
    for name, value in default.items():
        options = options.replace(f"${{{name}}}", value)
    environment = {**ENVIRONMENT, "UV_PROJECT_ENVIRONMENT": str(root / ".venv"), "UV_PYTHON": sys.executable}
    subprocess.run(["uv", "sync", *options.split()], cwd=root, env=environment, check=True)
    return Image(target, root)


@pytest.mark.parametrize("target", STEPS)
def test_what_is_copied_exists_and_starts_image_yml(target: str) -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/image.yml").read_text())
    paths = workflow[True]["push"]["paths"]
    for source in copied(target):
        assert (ROOT / source).exists(), source
        assert globs.matches(f"{source}/x" if (ROOT / source).is_dir() else source, paths), source
    assert globs.matches("deploy/Containerfile", paths)
    assert not globs.matches("README.md", paths)


@pytest.mark.parametrize("target", WITH_CODE)
def test_image_holds_every_module_that_its_step_imports(target: str) -> None:
    assert missing(target) == set()


@pytest.mark.parametrize("target", WITH_CODE)
def test_module_that_is_not_copied_is_noticed(target: str) -> None:
    without = CONTAINERFILE.replace(" src/mlops/contract.py", "").replace("COPY src/mlops src/mlops", "")
    assert "src/mlops/contract.py" in missing(target, without)


def test_service_holds_its_own_room_and_what_all_share() -> None:
    rooms = {source for source in copied("service") if (ROOT / source).is_dir()}
    assert rooms == {"src/mlops/serving"}
    assert not [source for source in copied("service") if re.search("problem|hub|workspace|console", source)]


def test_image_holds_its_groups_and_nothing_heavier(image: Image) -> None:
    code = f"from importlib.util import find_spec; print([name for name in {HEAVY[image.target]} if find_spec(name)])"
    known = image.python(code)
    assert known.stdout == "[]\n", known.stderr
    shared = image.python("import pipelines, mlops.contract, mlops.params, mlops.artifact; mlops.params.load()")
    assert shared.returncode == 0, shared.stderr


def test_command_lines_of_the_manifests_are_understood(image: Image, resources: list[Json]) -> None:
    usage = image.run(*image.command("--help"))
    assert usage.returncode == 0, usage.stderr
    asked = [one["args"] for one in started(resources, image.target)]
    assert [unknown(arguments, usage.stdout) for arguments in asked] == [set()] * len(asked) != []
    assert unknown([*asked[0], "--relases"], usage.stdout) == {"--relases"}


@contextmanager
def served(image: Image, arguments: list[str], folder: Path) -> Iterator[str]:
    """The address of a service with these arguments, paths below `folder`; it ends with the block."""
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    given |= {"--port": "0", "--host": "127.0.0.1"}
    given |= {option: f"{folder}{given[option]}" for option in ("--releases", "--spool")}
    environment = {**os.environ, "STORE_URL": f"sqlite:///{folder}/store.db", "SERVICE_TOKEN": "secret"}
    command = image.command(*itertools.chain(*given.items()))
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=image.root, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield address(folder / "log")
        finally:
            process.terminate()


def status(url: str) -> int:
    """Answer to a GET, once somebody listens."""

    def answer() -> int | None:
        with suppress(httpx.ConnectError):
            return httpx.get(url, timeout=PATIENCE).status_code
        return None

    return int(eventually(answer) or 0)


@pytest.mark.parametrize("image", ["service"], indirect=True)
def test_probes_of_the_manifests_are_answered(image: Image, rendered: dict[str, list[Json]], tmp_path: Path) -> None:
    """Without a token, as the cluster asks; not ready, as there is no release yet."""
    (service,) = pod(rendered["production"])["containers"]
    live, ready = (service[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe"))
    (tmp_path / "releases").mkdir()
    with served(image, service["args"], tmp_path) as url:
        assert status(f"{url}{live}") == 200
        assert status(f"{url}{ready}") == 503
        assert status(f"{url}{live}s") == 401  # whatever is no probe needs the token


def test_images_run_as_the_user_of_the_manifests(resources: list[Json]) -> None:
    users = {pod(resources, kind)["securityContext"]["runAsUser"] for kind in PODS}
    named = [re.findall(r"^USER (.*)$", stage(target), re.MULTILINE) for target in STEPS]
    assert named == [[f"{user}:{user}"] for user in users] * len(STEPS)


def test_uv_is_the_same_everywhere() -> None:
    files = ("deploy/Containerfile", "Makefile", "pyproject.toml", ".github/actions/setup/action.yml")
    found = {name: re.findall(r"(?:uv==|version: )([\d.]+)", (ROOT / name).read_text())[-1:] for name in files}
    assert list(found.values()) == [found["Makefile"]] * len(files)
