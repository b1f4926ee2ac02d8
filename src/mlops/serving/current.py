"""The version that is served: follows `releases`/current, and lets nothing in that isn't what its release says."""

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mlops import confined
from mlops.contract import BadInput, ModelInfo, Release, decode
from mlops.params import Serve
from mlops.serving.answers import Served
from mlops.serving.logs import log

POLL = 0.2  # seconds
SLOWEST = 30.0  # seconds between two tries of one version that is wrong


def load(folder: Path, limits: Serve) -> Served:
    """A release that is verified: digests, a model that loads, golden rows that it reproduces.

    Raises
    ------
    BadInput
        Names the file and what is wrong with it.
    """
    release = decode(Release, read(folder / "release.json"), str(folder / "release.json"))
    if release.version != folder.name:
        raise BadInput(f"{folder / 'release.json'}: says {release.version}, but the folder is {folder.name}")
    graph, described = (_verified(folder / name, release) for name in ("model.onnx", "model.json"))
    info = decode(ModelInfo, described, str(folder / "model.json"))
    confined.try_golden(graph, info, str(folder / "model.onnx"))
    try:
        return Served(release, graph, info, limits)
    except BadInput:
        raise
    except Exception as error:  # onnxruntime raises what it likes
        raise BadInput(f"{folder}: not a model that can be served: {error}") from error


def _verified(path: Path, release: Release) -> bytes:
    content = read(path)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != release.files.get(path.name):
        raise BadInput(f"{path}: its MD5 is {digest}, but release.json says {release.files.get(path.name)}")
    return content


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None


class Current(threading.Thread):
    """Holds the served version. A request takes it once, so that a switch never reaches into an answer."""

    role = "production"

    def __init__(self, releases: Path, load: Callable[[Path], Served], failed: Callable[[], None]) -> None:
        super().__init__(name=self.role, daemon=True)
        self.served: Served | None = None
        self._link, self._load, self._failed = releases / "current", load, failed
        self._ended = threading.Event()
        self._wrong, self._again, self._pause = "", 0.0, POLL

    def run(self) -> None:
        while not self._ended.wait(POLL):
            self.look()

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def look(self) -> None:
        """Switch if another version is named and that one is right; else keep what is served."""
        version = self._named()
        if version is None or (self.served and version == self.served.release.version) or self._waits(version):
            return
        try:
            served = self._load(self._link.parent / version)
        except BadInput as error:
            self._failed()
            self._wrong, self._again = version, time.monotonic() + self._pause
            self._pause = min(2 * self._pause, SLOWEST)
            kept = self.served and self.served.release.version
            log("error", "release refused", version=version, role=self.role, reason=str(error), still_served=kept)
        else:
            self.served, self._wrong, self._pause = served, "", POLL
            log("info", "release served", version=version, role=self.role, commit=served.release.commit)

    def _named(self) -> str | None:
        """The version that should be served; None before the first release, and where there is none any more."""
        try:
            return self._link.readlink().name
        except OSError:
            return None

    def _waits(self, version: str) -> bool:
        """Was this version wrong a moment ago? Then not yet again; another one at once."""
        if version != self._wrong:
            self._pause = POLL
            return False
        return time.monotonic() < self._again
