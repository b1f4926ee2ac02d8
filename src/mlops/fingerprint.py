"""Everything that a tree's stages depend on: commands, files, params, data. Where two trees' are equal, DVC would run
nothing again.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import yaml


def of(folder: Path, last: str) -> dict[str, Any]:
    """What the stages up to `last` depend on, by name."""
    found: dict[str, Any] = {}
    for name, stage in yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        found[f"{name}: cmd"] = stage["cmd"]
        for path in stage.get("deps", ()):
            found[path] = _content(folder, path)
        for entry in stage.get("params", ()):
            for file, keys in entry.items() if isinstance(entry, dict) else (("params.yaml", [entry]),):
                found |= {f"{file}: {key}": _value(folder / file, key) for key in keys}
        if name == last:
            break
    return found


def digest(found: dict[str, Any]) -> str:
    """A name for what was found."""
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()


def _content(folder: Path, path: str) -> Any:
    """What a dependency holds; for a DVC output its recorded hash, for another stage's output nothing."""
    pointer, file = folder / f"{path}.dvc", folder / path
    if pointer.exists():
        return yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"][0]["md5"]
    if file.is_dir():
        inner = sorted(file.rglob("*"))
        return [
            (str(p.relative_to(file)), p.read_bytes()) for p in inner if p.is_file() and "__pycache__" not in p.parts
        ]
    return file.read_bytes() if file.is_file() and not path.startswith("artifacts/") else None


def _value(file: Path, key: str) -> Any:
    text = file.read_text(encoding="utf-8")
    value: Any = tomllib.loads(text) if file.suffix == ".toml" else yaml.safe_load(text)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
