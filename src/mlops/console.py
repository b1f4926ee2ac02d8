"""What a person sees: progress and a rendered report in a terminal, plain text where there is none."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mlops import cost

if TYPE_CHECKING:
    from rich.table import Table

Say = Callable[[str, str], None]


@contextmanager
def progress() -> Iterator[Say]:
    """Show what each side is at: a live table in a terminal, else one line a step."""
    if not _draws(sys.stderr):
        yield lambda side, step: print(f"{side}: {step}", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    console, start = Console(stderr=True), time.monotonic()
    current: dict[str, str] = {}

    def table() -> "Table":
        grid = Table.grid(padding=(0, 2))
        for side, step in current.items():
            grid.add_row(f"[bold]{side}", step, f"[dim]{time.monotonic() - start:.0f} s")
        return grid

    with Live(get_renderable=table, console=console, transient=True, refresh_per_second=4):
        yield lambda side, step: current.__setitem__(side, step)


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how much of `total` is done: a bar in a terminal, else a line a tenth; what it yields is told of more."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        before, done = done, done + more
        if 10 * before // total < 10 * done // total:
            print(f"{done:,} of {total:,} {what}", file=sys.stderr, flush=True)

    if not _draws(sys.stderr):
        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda more: shown.advance(task, more)


def show(markdown: str) -> None:
    """Print a report: rendered in a terminal, else as it is."""
    if _draws(sys.stdout):  # which neither folds sections nor draws charts
        from rich.console import Console
        from rich.markdown import Markdown

        titled = re.sub(r"<details><summary>(.*)</summary>", r"#### \1", markdown).replace("</details>", "")
        Console().print(Markdown(re.sub(r"```mermaid.*?```", "", titled, flags=re.DOTALL)))
    else:
        print(markdown)


def summary(markdown: str, reused: str = "nothing from a cache") -> None:
    """Append to the summary of the workflow's run, where there is a workflow, and what the job has cost so far."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{markdown.rstrip()}\n\n{cost.line(Path(), reused)}\n\n")


def output(name: str, value: str) -> None:
    """Hand a value on to later steps and jobs of the workflow, where there is a workflow."""
    path = os.environ.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}={value}\n")


def say(text: str) -> None:
    """Print a line as it is."""
    print(text, flush=True)


def tell(text: str) -> None:
    """Print it, and say it in the workflow's summary, too."""
    summary(text)
    say(text)


def agree(question: str) -> bool:
    """Ask a person at a terminal; an empty answer agrees."""
    return input(f"{question} [Y/n] ").strip().lower() in ("", "y", "yes")


def fail(message: str) -> None:
    """Say what failed, on standard error."""
    print(f"failed: {message}", file=sys.stderr)


def _draws(stream: TextIO) -> bool:
    """Is this a terminal that moves its cursor? Asked without rich, whose import takes longer than most commands."""
    return stream.isatty() and os.environ.get("TERM") not in (None, "", "dumb", "unknown")
