"""A folder or a bucket as a storage, through fsspec."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mlops.contract import BadInput
from mlops.objects import Remote
from mlops.pointers import FOLDER, relative

THREADS = 8
PART = ".part"
T = TypeVar("T")


@dataclass(frozen=True)
class Bucket:
    """What `remote` names; whatever its libraries raise becomes one line that names it."""

    remote: Remote

    def listed(self) -> dict[str, int]:
        """Bytes of each object, by MD5."""
        with self._reached() as (system, root):
            found = system.find(f"{root}/files/md5", detail=True).items()
        return {"".join(path.split("/")[-2:]): entry["size"] for path, entry in found if not path.endswith(PART)}

    def sizes(self, md5s: Iterable[str]) -> dict[str, int]:
        """Bytes of those that are there."""
        with self._reached() as (system, root):

            def size(md5: str) -> tuple[str, int | None]:
                try:
                    return md5, system.size(f"{root}/{relative(md5)}")
                except FileNotFoundError:
                    return md5, None

            return {md5: bytes for md5, bytes in _each(size, md5s) if bytes is not None}

    def damaged(self, md5s: Iterable[str]) -> list[str]:
        """Those whose content, read back, isn't what their names say."""
        with self._reached() as (system, root):

            def whole(md5: str) -> tuple[str, bool]:
                with system.open(f"{root}/{relative(md5)}", "rb") as file:
                    return md5, digest(file) == md5[:32]

            return [md5 for md5, is_whole in _each(whole, md5s) if not is_whole]

    def send(self, files: dict[str, Path]) -> None:
        """Copy objects (their files by MD5). A folder's list goes last: where it is, all that it names is, too."""
        with self._reached() as (system, root):
            for last in (False, True):
                part = [md5 for md5 in files if md5.endswith(FOLDER) is last]
                _each(lambda md5: _write(system, files[md5], f"{root}/{relative(md5)}"), part)

    def receive(self, md5: str, file: Path) -> None:
        """Copy an object from there into `file`."""
        with self._reached() as (system, root):
            system.get_file(f"{root}/{relative(md5)}", str(file))

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        try:
            yield self.remote.open()
        except BadInput:
            raise
        except Exception as error:  # every cloud has its own
            raise BadInput(f"{self.remote.url}: {error or type(error).__name__}") from error


def digest(file: Any) -> str:
    """MD5 of an open file."""
    return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _write(system: Any, file: Path, path: str) -> None:
    """Buckets take an object whole or not at all; a folder does so by renaming."""
    if "file" not in system.protocol:
        system.put_file(str(file), path)
        return
    scratch = Path(f"{path}.{os.getpid()}{PART}")
    system.put_file(str(file), str(scratch))
    scratch.replace(path)


def _each(work: Callable[[str], T], md5s: Iterable[str]) -> list[T]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, md5s))
