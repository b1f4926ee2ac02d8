"""What was made of data files before, kept in DVC's cache, so that only files that are new are read.

An entry is named by the hash of all that it depends on: the file's content, the code and the libraries that made it,
and what the caller adds. So none can be stale, all may be deleted, and processes side by side write the same.
"""

import configparser
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from mlops.contract import encode
from mlops.engine import Map

FOLDER = "partitions"
SWITCH = "KEPT"  # `no` in the environment of a run that must believe nothing that was made before
LIBRARIES = ("numpy", "pandas", "pyarrow")
DIGEST = hashlib.sha256().digest_size
Made = TypeVar("Made")


@dataclass(frozen=True)
class Kept:
    """Entries below `folder` (None keeps nothing), made by the code `code`; `str()` says how many files were known."""

    folder: Path | None = None
    code: str = ""
    asked: set[Path] = field(default_factory=set)
    read: set[Path] = field(default_factory=set)

    @classmethod
    def of(cls, root: Path) -> "Kept":
        """In the cache of the tree at `root`; to be asked once all modules that make something are imported."""
        config = configparser.ConfigParser(interpolation=None)
        config.read([root / ".dvc/config", root / ".dvc/config.local"], encoding="utf-8")
        cache = root / ".dvc" / config.get("cache", "dir", fallback="cache")
        return cls(None if os.environ.get(SWITCH) == "no" else cache / FOLDER, _code())

    def each(
        self, make: Callable[[Path], Made], keys: Mapping[Path, Any], mapping: Map = map
    ) -> Iterator[bytes | Made]:
        """`make(file)` for every file of `keys`, in their order, by `mapping` where it isn't kept.

        Parameters
        ----------
        make
            Gives bytes, which are kept, or anything else, which isn't.
        keys
            What, beside the code, each file's result depends on, its content included; anything that JSON can say.
        """
        places = {file: self._place(key) for file, key in keys.items()}
        new = {file: None for file, place in places.items() if not (place and place.is_file())}
        fresh = mapping(make, list(new))
        for file, place in places.items():
            self.asked.add(file)
            entry = _entry(place) if place and file not in new else None
            if entry is not None:
                yield entry
                continue
            self.read.add(file)
            made: Made = next(fresh) if file in new else make(file)
            if place and isinstance(made, bytes):
                _write(place, made)
            yield made

    def __str__(self) -> str:
        return f"{len(self.asked) - len(self.read)} of {len(self.asked)} partitions known"

    def _place(self, key: Any) -> Path | None:
        name = hashlib.sha256(encode([self.code, key])).hexdigest()
        return self.folder / name[:2] / name[2:] if self.folder else None


def _code() -> str:
    """Digest of every module below src/ that is loaded, and of the versions of the libraries."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    source = f"{Path(__file__).parents[2]}{os.sep}"
    ours = {name: Path(file).read_bytes() for name, file in files.items() if file and file.startswith(source)}
    digest = hashlib.sha256(repr([version(name) for name in LIBRARIES]).encode())
    for name in sorted(ours):
        digest.update(f"{name} {len(ours[name])}\n".encode() + ours[name])
    return digest.hexdigest()


def _entry(place: Path) -> bytes | None:
    """The content of an entry, None where it is damaged."""
    content = place.read_bytes()
    return content[DIGEST:] if hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST] else None


def _write(place: Path, made: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = place.with_name(f"{place.name}.{os.getpid()}")
    scratch.write_bytes(hashlib.sha256(made).digest() + made)
    scratch.replace(place)
