"""What a search leaves in git: a DVC experiment a trial, and the winner as a change of params.yaml."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from mlops import trees, workspace
from mlops.contract import BadInput, encode
from mlops.training import words
from mlops.training.search import Trial
from mlops.workspace import git

BLOCK = ("train", "model")


def change(text: str, settings: Mapping[str, Any]) -> str:
    """params.yaml with other values in the block train.model; every other byte stays, comments too."""
    node = _block(yaml.compose(text))
    places = {name.value: (value.start_mark.index, value.end_mark.index) for name, value in node.value}
    start, indent = node.start_mark.index, " " * node.start_mark.column
    added = "".join(f"{name}: {words.plain(value)}\n{indent}" for name, value in settings.items() if name not in places)
    known = [(*places[name], words.plain(value)) for name, value in settings.items() if name in places]
    for begin, end, value in sorted([*known, (start, start, added)], reverse=True):
        text = text[:begin] + value + text[end:]
    return text


def experiments(root: Path, trials: Sequence[Trial], seed: int) -> list[str]:
    """Keep every trial as the DVC experiment search-SEED-NUMBER of HEAD: `dvc exp show`, `apply`, `push`; their names.

    Each is the work tree with the trial's params.yaml. Its losses are a metric, in search/trial.json; those on the test
    are left out, as no trial has seen it.
    """
    head, tree, text = git(root, "rev-parse", "HEAD"), workspace.snapshot(root), (root / "params.yaml").read_text()
    names = []
    for trial in trials:
        files = {
            "params.yaml": change(text, trial.settings),
            "search/dvc.yaml": "metrics: [trial.json]\n",
            "search/trial.json": encode(_shown(trial)).decode(),
        }
        blobs = {path: trees.blob(root, content) for path, content in files.items()}
        made = trees.changed(root, tree, blobs, without=["artifacts/metrics.json"])
        commit = git(root, "commit-tree", made, "-p", head, "-m", f"search: {words.settings(trial)}")
        names.append(f"search-{seed}-{trial.number:02}")
        git(root, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{names[-1]}", commit)
    return names


def _block(node: yaml.Node | None) -> yaml.MappingNode:
    """Where the settings stand."""
    for key in BLOCK:
        inner = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for name, value in inner if name.value == key), None)
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise BadInput(f"params.yaml: {'.'.join(BLOCK)} must be a block with one key a line, to write settings to")
    return node


def _shown(trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(trial).items() if name not in ("number", "settings")}


def conclude(root: Path, trials: Sequence[Trial], seed: int) -> str:
    """Keep the trials, put the best of them into params.yaml, and say what to do next."""
    names, best = experiments(root, trials, seed), trials[0]
    kept = f"Every trial is a DVC experiment: {names[0]} is the best; `dvc exp show` compares them."
    if not best.settings:
        return f"{kept}\nNothing tried was better than params.yaml as it is, so it stays."
    path = root / "params.yaml"
    path.write_text(change(path.read_text(encoding="utf-8"), best.settings), encoding="utf-8")
    return (
        f"{kept}\nparams.yaml holds the best one now. Being the best of {len(trials)} flatters it, so let rows decide "
        "that no trial has seen:\n  nox -s experiment\n  git commit --all --message "
        f"'Settings found by search: {words.settings(best)}'\nand open a pull request."
    )
