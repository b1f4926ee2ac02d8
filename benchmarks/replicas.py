"""A clone of this repository that holds the bundled months many times over, in files of their own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from mlops.workspace import git

ROOT = Path(__file__).parents[1]
TIME, NEWEST, MONTHS = "time_hour", 2013, ("01", "02", "03", "04", "05")
SETTINGS, ONE_LESS, ONE_MORE = (f"experiment, {kind}" for kind in ("settings alone", "one file less", "one file more"))
IDENTITY = {f"GIT_{who}_{what}": "scale@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
LAUNCH = """import os, subprocess, sys  # small, as a process counts what the one had that started it
child = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(child.pid, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))"""
ENVIRONMENT = {**os.environ, **IDENTITY, "UV_PROJECT_ENVIRONMENT": sys.prefix, "PYTHONPATH": ""}


@dataclass(frozen=True)
class Took:
    """Wall time and processor time in seconds, and the peak memory in MiB of the process that held most."""

    seconds: float
    processor: float
    memory: float


@dataclass
class Project:
    """The clone at `root`, whose main has `times` as many rows as are bundled (of these every `thinned`-th)."""

    root: Path
    thinned: int = 1
    times: int = 0
    trials: int = 0

    def grow(self, times: int) -> None:
        """Have `times` as many rows, and commit them; the newest month stays the bundled one."""
        for month in MONTHS:
            for years in range(self.times, times):
                self._write(years, month)
        self.times = times
        self.run("dvc", "add", "--quiet", "data")
        self.run("git", "commit", "--quiet", "--all", "--message", f"{times} times the rows")

    @property
    def files(self) -> list[Path]:
        return sorted((self.root / "data").glob("*.parquet"))

    def pull_request(self, kind: str) -> None:
        """Change the model's settings as nobody did before; and bring a file of data, or take one away."""
        self.reset()
        self.trials += 1
        self.set("learning_rate: 0.3", f"learning_rate: {0.1 + self.trials / 1000}")
        if kind == ONE_MORE:
            self._write(self.times + self.trials, "04")
        if kind == ONE_LESS:
            self._file(self.times - 1, f"0{1 + self.trials % 4}").unlink()
        if kind != SETTINGS:
            self.run("dvc", "add", "--quiet", "data")

    def reset(self) -> None:
        """Back to what is committed."""
        git(self.root, "checkout", "--quiet", ".")
        self.run("dvc", "checkout", "--quiet", "--force", "data.dvc")

    def set(self, old: str, new: str) -> None:
        """Replace text of params.yaml that must be there; `grow` commits it."""
        text = (self.root / "params.yaml").read_text(encoding="utf-8")
        if old not in text:
            raise RuntimeError(f"params.yaml no longer holds {old!r}")
        (self.root / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *command: str, **environment: str) -> Took:
        """Run a command there, and measure it with all processes that it waited for."""
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-S", "-c", LAUNCH, *command],
            cwd=self.root, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        processor, memory = done.stdout.split()[-2:]
        return Took(time.perf_counter() - begin, float(processor), int(memory) / 1024)

    def step(self, name: str, *options: str, **environment: str) -> Took:
        return self.run(sys.executable, "-m", f"pipelines.{name}", *options, **environment)

    def _file(self, years: int, month: str) -> Path:
        return self.root / f"data/{NEWEST - years}-{month}.parquet"

    def _write(self, years: int, month: str) -> None:
        """A month's rows, as they would have been years earlier."""
        rows = bundled(month).iloc[:: self.thinned]
        self._file(years, month).parent.mkdir(exist_ok=True)
        earlier = rows.assign(**{TIME: rows[TIME] - pd.DateOffset(years=years)})
        earlier.to_parquet(self._file(years, month), compression="zstd", index=False)


@cache
def bundled(month: str) -> pd.DataFrame:
    return pd.read_parquet(ROOT / f"data/{NEWEST}-{month}.parquet")


@contextmanager
def project(folder: Path, thinned: int) -> Iterator[Project]:
    """A clone without data, removed in the end."""
    subprocess.run(["dvc", "pull", "--quiet", "data.dvc", "live.dvc"], cwd=ROOT, check=True)
    git(ROOT, "clone", "--quiet", str(ROOT), str(folder))
    git(folder, "checkout", "--quiet", "-B", "main")
    try:
        yield Project(folder, thinned)
    finally:
        shutil.rmtree(folder)
