"""What a tree needs of DVC's storage: the objects that its *.dvc files and dvc.lock name by MD5."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

FOLDER = ".dir"  # ends the name of an object that lists the files of a folder


def relative(md5: str) -> str:
    """Where DVC keeps an object, below the root of a cache or a remote."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def needed(tree: Path) -> dict[str, str]:
    """Paths by MD5: of data, and of what the stages made; a folder is the one object that lists its files."""
    outs = [out for pointer in sorted(tree.glob("?*.dvc")) for out in _read(pointer).get("outs", ())]
    own = set(_own(_read(tree / "dvc.yaml")))
    for stage in _read(tree / "dvc.lock").get("stages", {}).values():
        outs += [out for out in stage.get("outs", ()) if out["path"] not in own]
    return {out["md5"]: out["path"] for out in outs if "md5" in out and "remote" not in out}


def whole(paths: dict[str, str], places: Sequence[Path]) -> dict[str, str]:
    """The same, and the files inside every folder whose list is in one of `places` (caches or remotes)."""
    found = dict(paths)
    for md5, path in paths.items():
        listing = locate(md5, places) if md5.endswith(FOLDER) else None
        if listing:
            found |= {one["md5"]: f"{path}/{one['relpath']}" for one in json.loads(listing.read_bytes())}
    return found


def missing(tree: Path, name: str, places: Sequence[Path]) -> list[str]:
    """What `name`.dvc lacks in `places`, as `path (MD5)`: the files of a folder, or all of it without its list."""
    paths = {out["md5"]: out["path"] for out in _read(tree / f"{name}.dvc").get("outs", ())}
    return [f"{path} ({md5})" for md5, path in whole(paths, places).items() if not locate(md5, places)]


def lacks(tree: Path, name: str, stage: str, places: Sequence[Path]) -> bool:
    """Is something of `name`.dvc, or of what `stage` made as dvc.lock has it, in none of `places`?"""
    made = _read(tree / "dvc.lock").get("stages", {}).get(stage, {}).get("outs", ())
    return bool(missing(tree, name, places)) or not all(locate(out["md5"], places) for out in made)


def locate(md5: str, places: Sequence[Path]) -> Path | None:
    """The file of an object, in the first of `places` that has it."""
    files = (place / relative(md5) for place in places)
    return next((file for file in files if file.is_file()), None)


def _own(pipeline: dict[str, Any]) -> Iterator[str]:
    """Outputs that git keeps itself: those with `cache: false`."""
    for stage in pipeline.get("stages", {}).values():
        for out in (*stage.get("outs", ()), *stage.get("metrics", ()), *stage.get("plots", ())):
            if isinstance(out, dict):
                yield from (path for path, options in out.items() if options.get("cache") is False)


def _read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    return content or {}
