"""A claim is a measured value and its limit. All benchmarks print, save and fail alike."""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Claim:
    """`measured` is at most (or, where `at_least`, at least) `limit`; a claim without one is for the reader."""

    claim: str
    measured: float
    limit: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool:
        if self.limit is None:
            return True
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def main(doc: str | None, measure: Callable[[bool], tuple[list[Claim], dict[str, Any]]]) -> None:
    """Run a benchmark: `measure(quick)` gives the claims and, for the JSON file, all details. Exit 1 if one fails."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--quick", action="store_true", help="the same code on fewer trials")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write claims and details there, too")
    arguments = parser.parse_args()
    claims, details = measure(arguments.quick)
    show(claims)
    if arguments.json:
        listed = [{**asdict(claim), "holds": claim.holds} for claim in claims]
        arguments.json.write_text(json.dumps({"claims": listed, **details}, indent=1), encoding="utf-8")
    sys.exit(0 if all(claim.holds for claim in claims) else 1)


def ratio(seconds: Sequence[float], over: Sequence[float]) -> float:
    """Median of the ratios of runs that were made in turns: what slows the machine for a while slows both of a pair."""
    return statistics.median(a / b for a, b in zip(seconds, over, strict=True))


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder in memory, where there is room for one.

    For every file that it makes, ext4 walks past those that were deleted in the last 35 seconds: there, what a run
    takes depends on how many the runs before it deleted.
    """
    memory = Path("/dev/shm")  # noqa: S108 (a folder of its own in it)
    room = memory.is_dir() and shutil.disk_usage(memory).free > 4e9
    return tempfile.TemporaryDirectory(dir=memory if room else None)


def show(claims: list[Claim]) -> None:
    """Print the table `claim | measured | limit | holds`."""
    table = Table("claim", "measured", "limit", "holds")
    for claim in claims:
        sign = "at least" if claim.at_least else "at most"
        limit = "" if claim.limit is None else f"{sign} {claim.limit:g}"
        table.add_row(
            claim.claim, f"{claim.measured:.3g}", limit, "" if claim.limit is None else str(claim.holds).lower()
        )
    Console(width=120).print(table)
