"""Everything that a tree's stages depend on: commands, files, params, data. Where two trees' are equal, DVC would run
nothing again.
"""

import hashlib
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from mlops import pointers, trees
from mlops.contract import BadInput
from mlops.workspace import git

PIPELINE = "dvc.yaml"
MODULES = (".py", ".pyc", ".so", ".pyd")
OWN = {"", "artifacts", "benchmarks", "data", "deploy", "docs", "live", "notebooks", "pipelines", "rehearsal"}
OWN |= {"src", "tests"}


def of(root: Path, tree: str, last: str) -> dict[str, Any]:
    """What the stages up to `last` of a commit or tree depend on, by name.

    Raises
    ------
    BadInput
        Its dvc.yaml, or a file of params, isn't what DVC could read.
    """
    try:
        pipeline = pointers.parsed(trees.contents(root, tree, [PIPELINE])[PIPELINE])
        stages = dict(_until(last, pipeline["stages"]))
        wanted = {name for stage in stages.values() for path in _paths(stage) for name in (path, f"{path}.dvc")}
        found = _found(stages, trees.contents(root, tree, sorted(wanted)))
        more = {name: value for name, value in pipeline.items() if name not in ("stages", "plots")}
        return found | _shadows(root, tree) | ({PIPELINE: repr(more)} if more else {})
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInput(f"{PIPELINE}, or what it names, can't be read: {error}") from None


def digest(found: dict[str, Any]) -> str:
    """A name for what was found."""
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()


def _until(last: str, stages: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, stage in stages.items():
        yield name, stage
        if name == last:
            return


def _paths(stage: Mapping[str, Any]) -> Iterator[str]:
    yield from stage.get("deps", ())
    yield from (file for file, _ in _params(stage))


def _params(stage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """File and key of every param."""
    for entry in stage.get("params", ()):
        for file, keys in entry.items() if isinstance(entry, dict) else (("params.yaml", [entry]),):
            yield from ((file, key) for key in keys)


def _found(stages: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, stage in stages.items():
        found[name] = repr(
            {key: value for key, value in stage.items() if key not in ("deps", "params", "desc", "meta")}
        )
        found |= {path: _content(files, path) for path in stage.get("deps", ())}
        found |= {f"{file}: {key}": yaml.safe_dump(_value(files[file], file, key)) for file, key in _params(stage)}
    return found


def _content(files: Mapping[str, bytes], path: str) -> Any:
    """What a dependency holds; for a DVC output its recorded hash, for another stage's output nothing."""
    inner = {PurePosixPath(name).relative_to(path): held for name, held in files.items() if name.startswith(f"{path}/")}
    if inner:
        return [(str(name), inner[name]) for name in sorted(inner)]
    if path not in files and f"{path}.dvc" in files:
        return next(iter(pointers.check_names(f"{PurePosixPath(path).name}.dvc", files[f"{path}.dvc"]).values()))
    return None if path.startswith("artifacts/") else files.get(path)


def _value(content: bytes, file: str, key: str) -> Any:
    value: Any = tomllib.loads(content.decode()) if file.endswith(".toml") else pointers.parsed(content)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _shadows(root: Path, tree: str) -> dict[str, str]:
    """Git's ids of what Python would import from the root or src/ in place of what is installed, or comes with it."""
    rows = [row.split("\t") for row in git(root, "ls-tree", "-z", tree, "./", "src/").split("\0") if row]
    modules = {path: about.split() for about, path in rows if " tree " in about or path.endswith(MODULES)}
    return {path: id for path, (_, _, id) in modules.items() if PurePosixPath(path).name.split(".")[0] in _known()}


@cache
def _known() -> frozenset[str]:
    """Names of modules that are installed or come with Python, but for those that a project has, too."""
    installed = {path.name.split(".")[0] for path in Path(sysconfig.get_path("purelib")).iterdir()}
    return frozenset({*sys.stdlib_module_names, *installed} - OWN)
