"""Which packages groups bring, and which ones code imports."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from tests.conftest import ENVIRONMENT, ROOT
from tests.test_stages import imported

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEFAULT = tuple(PROJECT["tool"]["uv"]["default-groups"])
OWN = {"mlops", "pipelines", "problem", "rehearsal"}


@cache
def brought(*groups: str) -> dict[str, str]:
    """Packages, with versions, that groups install on this machine."""
    command = ["uv", "export", "--quiet", "--frozen", "--no-default-groups", "--no-hashes", "--no-annotate"]
    command += ["--no-header", *(f"--group={name}" for name in groups)]
    listed = map(Requirement, subprocess.check_output(command, cwd=ROOT, env=ENVIRONMENT, text=True).splitlines())
    return {one.name: str(one.specifier)[2:] for one in listed if not one.marker or one.marker.evaluate()}


def lacking(needed: dict[str, set[str]], *groups: str) -> set[str]:
    """What is imported, as `libraries` gives it, and not brought by these groups."""
    return {name for name, makers in needed.items() if not makers & brought(*groups).keys()}


def libraries(*files: Path) -> dict[str, set[str]]:
    """What files, and those of ours that they import, import of others; and the packages that bring each."""
    ours = {ROOT / path for file in files for path in imported(file)} | set(files)
    named = {name.split(".")[0] for path in ours for name in _imports(ast.parse(path.read_text()))}
    makers = packages_distributions()
    return {name: set(map(canonicalize_name, makers[name])) for name in named - sys.stdlib_module_names - OWN}


def _imports(tree: ast.AST) -> Iterator[str]:
    """In functions, too; not what types alone need."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        yield from _imports(node)


def installing_into(environment: Path) -> list[str]:
    """Words for act, by which the setup of jobs makes an environment, in place of finding the one of the tests."""
    cache = subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    own = {"UV_PROJECT_ENVIRONMENT": environment, "UV_CACHE_DIR": cache, "UV_PYTHON": sys.executable, "UV_OFFLINE": "0"}
    return [word for name, value in own.items() for word in ("--env", f"{name}={value}")]


def installed(place: Path) -> set[str]:
    """Packages in a folder."""
    return {canonicalize_name(one.name) for one in distributions(path=[str(place)])}


def size(*groups: str) -> int:
    """Bytes of the wheels that groups take on this machine."""
    locked = {one["name"]: one for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    return sum(_size(locked[name]) for name in brought(*groups))


def _size(package: dict[str, list[dict[str, str | int]]]) -> int:
    here = {tag: place for place, tag in enumerate(sys_tags())}
    fitting = {}
    for wheel in package.get("wheels", ()):
        tags = parse_wheel_filename(re.sub("%2B", "+", str(wheel["url"]).rpartition("/")[2]))[3]
        fitting |= {here[tag]: wheel["size"] for tag in tags if tag in here}
    return int(fitting[min(fitting)] if fitting else package["sdist"]["size"])  # type: ignore[call-overload]
