"""Where rows lie and where their predictions go: a folder, or a bucket (s3://, az://, gs://) through fsspec."""

import glob
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlops.contract import BadInput
from mlops.objects import Remote

KINDS = (".parquet", ".csv")
STATES = ("ETag", "etag", "md5Hash", "mtime")  # of S3, of Azure and Google, of a folder


@dataclass(frozen=True)
class Part:
    """A file of rows, by its path from where all of them lie; `state` is another one whenever its content is."""

    name: str
    state: str

    @property
    def output(self) -> str:
        """Where its predictions go, from where all of them go."""
        return str(PurePosixPath(self.name).with_suffix(".parquet"))


@dataclass(frozen=True)
class Place:
    """A folder, or a path in a bucket."""

    url: str

    @classmethod
    def of(cls, text: str) -> "Place":
        """What a person writes; a folder's path counts from here, whoever uses it."""
        url = f"azure{text.removeprefix('az')}" if text.startswith("az://") else text
        return cls(url.rstrip("/") if "://" in url else str(Path(url).resolve()))

    @contextmanager
    def brought(self, name: str) -> Iterator[Path]:
        """A file of here on this machine's disk, as long as the block lasts."""
        if "://" not in self.url:
            yield Path(self.url, name)
            return
        with TemporaryDirectory() as folder:
            file = Path(folder, PurePosixPath(name).name)
            with self._reached() as (system, root):
                system.get_file(f"{root}/{name}", str(file))
            yield file

    @contextmanager
    def taken(self, name: str) -> Iterator[Path]:
        """A file to write, which comes here under its name, whole, if the block ends well."""
        if "://" in self.url:
            with TemporaryDirectory() as folder:
                yield Path(folder, "part")
                with self._reached() as (system, root):
                    system.put_file(str(Path(folder, "part")), f"{root}/{name}")
            return
        path = Path(self.url, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):  # by who was killed over it
            left.unlink(missing_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.part")  # hidden from who reads the folder
        try:
            yield scratch
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)

    def footer(self, name: str) -> Mapping[bytes, bytes]:
        """What a Parquet file of here says of itself; nothing where there is none."""
        with self._reached() as (system, root):
            if not system.exists(f"{root}/{name}"):
                return {}
            with system.open(f"{root}/{name}", "rb") as file:
                try:
                    return pq.read_metadata(file).metadata or {}
                except pa.ArrowInvalid:
                    return {}

    def files(self) -> dict[str, str]:
        """States by the path from here; that of this very place is `.`."""
        with self._reached() as (system, root):
            found = {root: system.info(root)} if system.isfile(root) else system.find(root, detail=True)
            return {str(PurePosixPath(path).relative_to(root)): _state(entry) for path, entry in found.items()}

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        try:
            yield Remote(self.url).open()
        except BadInput:
            raise
        except Exception as error:  # every cloud has its own
            raise BadInput(f"{self.url}: {error or type(error).__name__}") from error


def partitions(given: Place, target: Place) -> tuple[Place, list[Part]]:
    """The files of rows, sorted by name, and the place from which their names count. What is hidden is left aside.

    Raises
    ------
    BadInput
        There are none, one is neither Parquet nor CSV, or an output would lie among the rows or over another one.
    """
    files, source = given.files(), given
    if list(files) == ["."]:
        above, _, name = given.url.rpartition("/")
        files, source = {name: files["."]}, Place(above)
    hidden = {name for name in files if any(word.startswith((".", "_")) for word in name.split("/"))}
    parts = [Part(name, files[name]) for name in sorted(files.keys() - hidden)]
    if not parts:
        raise BadInput(f"{given.url}: no .parquet or .csv file there; name a file, or a folder of them")
    owner: dict[str, str] = {}
    for part in parts:
        if not part.name.endswith(KINDS):
            raise BadInput(f"{source.url}/{part.name}: rows come as .parquet or .csv; convert it, or move it elsewhere")
        if owner.setdefault(part.output, part.name) != part.name:
            raise BadInput(f"{source.url}: {owner[part.output]} and {part.name} would both become {part.output}")
    among = f"{target.url}/".startswith(f"{given.url}/")
    if among or f"{target.url}/{parts[0].output}" == given.url:
        raise BadInput(f"{target.url}: predictions would lie among the rows; choose a folder outside {given.url}")
    return source, parts


def _state(entry: Mapping[str, Any]) -> str:
    marks = (entry[name] for name in STATES if entry.get(name))
    return f"{entry.get('size')} bytes, {next(marks, '')}"
