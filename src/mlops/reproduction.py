"""Is a commit's model a function of the commit? Train it twice in different folders, and compare bytes."""

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlops.workspace import Workspace, git

FILES = ("artifacts/model.onnx", "artifacts/model.json")
SCRATCH = ".dvc/tmp/reproduce"
HASH_SEEDS = {"first": "1", "second": "2"}


@dataclass(frozen=True)
class Reproduction:
    """MD5 of each file, a line each, and what differs, in words; nothing differs in a reproducible commit.

    `made` is one of the two, which are the same then.
    """

    md5s: list[str]
    differences: list[str]
    made: Workspace


def reproduce(root: Path, revision: str, say: Callable[[str, str], None]) -> Reproduction:
    """Train `revision` twice, side by side, each with another PYTHONHASHSEED in the caller's environment."""
    commit = git(root, "rev-parse", "--verify", f"{revision}^{{commit}}")
    sides = [Workspace.lay(root, commit, root / SCRATCH / name) for name in HASH_SEEDS]
    recorded = _locked(sides[0].folder)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda side: _train(side, say), sides))
    differences = [line for name in FILES for line in _differences(name, *(side.folder / name for side in sides))]
    trained = _locked(sides[0].folder)
    if all(recorded.get(key) == trained.get(key) for key in ("cmd", "deps", "params")):  # else the lock was stale
        before, after = ({out["path"]: out["md5"] for out in stage["outs"]} for stage in (recorded, trained))
        differences += [f"{name}: dvc.lock has {before[name]}" for name in FILES if before[name] != after[name]]
    return Reproduction([f"{_md5(sides[0].folder / name)}  {name}" for name in FILES], differences, sides[0])


def _train(side: Workspace, say: Callable[[str, str], None]) -> None:
    side.reproduce_anew("train", lambda stage: say(side.name, stage), PYTHONHASHSEED=HASH_SEEDS[side.name])


def _locked(folder: Path) -> dict[str, Any]:
    """What dvc.lock says of the stage `train`."""
    lock = folder / "dvc.lock"
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"] if lock.exists() else {}
    return dict(stages.get("train", {}))


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _differences(name: str, first: Path, second: Path) -> Iterator[str]:
    if first.read_bytes() == second.read_bytes():
        return
    if first.suffix == ".json":
        contents: list[dict[str, Any]] = [json.loads(path.read_bytes()) for path in (first, second)]
        yield from (f"{name}: '{key}' differs" for key in contents[0] if contents[0][key] != contents[1].get(key))
        return
    import onnx

    graphs = [onnx.load(str(path)).graph for path in (first, second)]
    pairs = zip(graphs[0].node, graphs[1].node, strict=False)
    node = next((a for a, b in pairs if a != b), None)
    yield f"{name}: differs, first in {f'node {node.name} ({node.op_type})' if node else 'what is around the nodes'}"
