"""What a pull request hands in: the models of its trainings, and which rows they learnt from. No number.

`gather` runs on the pull request's machine; `unpack` and `Submission.load` on main's, where all of it is hostile.
"""

import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from mlops.artifact import read_info
from mlops.contract import BadInput, ModelInfo, Record, Schema, decode, save
from mlops.judging.record import Failure

MODEL, INFO, LOCK, ROWS, KEYS, FAILED = "model.onnx", "model.json", "dvc.lock", "rows.json", "keys.bin", "failed.json"
FOLDER, REPEATS = "experiment/submission", "repeats/"
NAME = re.compile(r"(?:model\.onnx|model\.json|dvc\.lock|rows\.json|keys\.bin|failed\.json|repeats/\d{1,2}\.onnx)")
MOST_BYTES, MOST_FILES, MOST_TEXT = 2_000_000_000, 60, 20_000_000
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$")]


class Rows(Record, frozen=True):
    """rows.json: the local days of the training rows, none where the problem has no time."""

    days: Annotated[list[Day], Meta(max_length=100_000)] = []


@dataclass(frozen=True)
class Learnt:
    """Which rows the models learnt from: hashes of their identity (see `mlops.rows`), shape (n,), and their local days,
    shape (n_days,); both in order.
    """

    keys: NDArray[np.uint64]
    days: NDArray[np.datetime64]

    @classmethod
    def of(cls, artifacts: Path, schema: Schema) -> "Learnt":
        """From the rows that the stage `prepare` left."""
        import pandas as pd

        from mlops import rows

        train = pd.read_parquet(artifacts / "train.parquet")
        keys, days = np.unique(rows.identity(train, schema)).astype("<u8"), np.array([], "datetime64[D]")
        if schema.time:
            days = np.unique(rows.local(train[schema.time], schema.zone).to_numpy("datetime64[D]"))
        return cls(keys, days)

    def same(self, other: "Learnt") -> bool:
        return np.array_equal(self.keys, other.keys) and np.array_equal(self.days, other.days)


@dataclass(frozen=True)
class Submission:
    """The content of the folder: bytes of the model and of the other trainings', what model.json says, and the rows."""

    folder: Path
    graphs: list[bytes]
    info: ModelInfo
    learnt: Learnt
    reproducible: bool

    @classmethod
    def load(cls, folder: Path) -> "Submission":
        """Read it; nothing in it is run or loaded.

        Raises
        ------
        BadInput
            The pull request says that it failed, or what it handed in isn't what it should be.
        """
        failed = folder / FAILED
        if failed.exists():
            raise BadInput(decode(Failure, _text(failed), FAILED).failed)
        lacking = next((name for name in (MODEL, INFO, ROWS, KEYS) if not (folder / name).is_file()), None)
        if lacking:
            raise BadInput(f"the submission lacks {lacking}; let `experiment` run again")
        repeats = sorted((folder / "repeats").glob("*.onnx"), key=lambda path: int(path.stem))
        first, again = (folder / MODEL).read_bytes(), folder / "repeats/0.onnx"
        keys, days = (folder / KEYS).read_bytes(), decode(Rows, _text(folder / ROWS), ROWS).days
        try:
            learnt = Learnt(np.frombuffer(keys, "<u8"), np.array(days, "datetime64[D]"))
        except ValueError as error:
            raise BadInput(f"the submission's {KEYS} or {ROWS}: {error}") from None
        return cls(
            folder=folder,
            graphs=[first, *(path.read_bytes() for path in repeats if path != again)],
            info=decode(ModelInfo, _text(folder / INFO), INFO),
            learnt=learnt,
            reproducible=not repeats or (again.exists() and again.read_bytes() == first),
        )


def gather(tree: Path, folder: Path) -> None:
    """Put what the stage `train` made in a tree into a folder of its own."""
    artifacts = tree / "artifacts"
    learnt = Learnt.of(artifacts, read_info(artifacts).schema)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(artifacts / "repeats", folder / "repeats")
    for path in (artifacts / MODEL, artifacts / INFO, tree / LOCK):
        shutil.copy(path, folder)
    save(folder / ROWS, Rows(days=learnt.days.astype(str).tolist()))
    save(folder / KEYS, learnt.keys.tobytes())


def unpack(uploaded: Path, folder: Path) -> None:
    """Write the files of a zip to `folder`, those alone that a submission has.

    Raises
    ------
    BadInput
        The zip is broken, holds anything else, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(uploaded) as archive:
            for name, content in _files(archive):
                save(folder / name, content)
    except BadInput:
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, ValueError, RuntimeError, OSError, EOFError) as error:
        raise BadInput(f"the submission is no zip file: {error}") from None


def _files(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    names, left = [name for name in archive.namelist() if name != REPEATS], MOST_BYTES
    strange = next((name for name in names if not NAME.fullmatch(name)), None)
    if strange is not None or len(set(names)) != len(names) or not 0 < len(names) <= MOST_FILES:
        raise BadInput(f"the submission holds {strange!r:.200}, or a file twice, or none, or more than {MOST_FILES}")
    for name in names:
        with archive.open(name) as file:
            content = file.read(left + 1)
        left -= len(content)
        if left < 0:
            raise BadInput(f"the submission unpacks to more than {MOST_BYTES:,} bytes")
        yield name, content


def _text(path: Path) -> bytes:
    if path.stat().st_size > MOST_TEXT:
        raise BadInput(f"the submission's {path.name} has more than {MOST_TEXT:,} bytes")
    return path.read_bytes()
