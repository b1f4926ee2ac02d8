"""What a job cost: minutes since it began, what it found made already, and the bytes that it and the project keep."""

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BEGAN = ".dvc/tmp/began"  # touched by .github/actions/setup
KEPT = {"cache": (".dvc/cache",), "storage in git": (".dvc/storage", ".dvc/seed")}
MEGABYTE = 1_000_000
KNOWN = re.compile(r"^\d+ of \d+ partitions known$")  # what a step says that didn't read all of the data


@dataclass(frozen=True)
class Reused:
    """Hears what an experiment's sides do, and hands it on; `str()` is what they didn't have to do."""

    say: Callable[[str, str], None]
    heard: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, side: str, step: str) -> None:
        self.heard.append((side, step))
        self.say(side, step)

    def __str__(self) -> str:
        if not self.heard:
            return "nothing to train"
        trained = [side for side in ("base", "head") if (side, "train") in self.heard]
        known = [step for _, step in self.heard if KNOWN.match(step)]
        what = f"{' and '.join(trained)} trained" if trained else "nothing trained"
        return f"{what}, {min(known, key=_count, default='all partitions known')}"


def line(root: Path, reused: str) -> str:
    """For a summary, such as ``Cost: 1.4 minutes; nothing trained; cache 14 MB, storage in git 12 MB.``"""
    began = root / BEGAN
    minutes = [f"{(time.time() - began.stat().st_mtime) / 60:.1f} minutes"] if began.exists() else []
    sizes = {name: size([root / place for place in places]) for name, places in KEPT.items()}
    kept = ", ".join(f"{name} {bytes / MEGABYTE:.0f} MB" for name, bytes in sizes.items())
    return f"Cost: {'; '.join([*minutes, reused, kept])}."


def size(folders: Sequence[Path]) -> int:
    """Bytes of all files in folders, those with several names counted once."""
    entries = [Path(place, name).lstat() for top in folders for place, _, names in os.walk(top) for name in names]
    return sum({entry.st_ino: entry.st_size for entry in entries}.values())


def _count(known: str) -> int:
    return int(known.split()[0])
