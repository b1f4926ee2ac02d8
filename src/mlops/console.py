"""What a person sees: progress and a rendered report in a terminal, plain text where there is none."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Say = Callable[[str, str], None]


@contextmanager
def progress() -> Iterator[Say]:
    """Show what each side is at: a live table in a terminal, else one line a step."""
    console, start = Console(stderr=True), time.monotonic()
    current: dict[str, str] = {}
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda side, step: print(f"{side}: {step}", file=sys.stderr, flush=True)
        return

    def table() -> Table:
        grid = Table.grid(padding=(0, 2))
        for side, step in current.items():
            grid.add_row(f"[bold]{side}", step, f"[dim]{time.monotonic() - start:.0f} s")
        return grid

    with Live(get_renderable=table, console=console, transient=True, refresh_per_second=4):
        yield lambda side, step: current.__setitem__(side, step)


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how much of `total` is done: a bar in a terminal, else a line a tenth; what it yields is told of more."""
    console, done = Console(stderr=True), 0

    def tell(more: int) -> None:
        nonlocal done
        before, done = done, done + more
        if 10 * before // total < 10 * done // total:
            print(f"{done:,} of {total:,} {what}", file=sys.stderr, flush=True)

    if not console.is_terminal or console.is_dumb_terminal:
        yield tell
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda more: shown.advance(task, more)


def show(markdown: str) -> None:
    """Print a report: rendered in a terminal, else as it is."""
    console = Console()
    if console.is_terminal and not console.is_dumb_terminal:  # which neither folds sections nor draws charts
        titled = re.sub(r"<details><summary>(.*)</summary>", r"#### \1", markdown).replace("</details>", "")
        console.print(Markdown(re.sub(r"```mermaid.*?```", "", titled, flags=re.DOTALL)))
    else:
        print(markdown)


def summary(markdown: str) -> None:
    """Append to the summary of the workflow's run, where there is a workflow."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown)


def output(name: str, value: str) -> None:
    """Hand a value on to later steps and jobs of the workflow, where there is a workflow."""
    path = os.environ.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}={value}\n")


def say(text: str) -> None:
    """Print a line as it is."""
    print(text, flush=True)


def fail(message: str) -> None:
    """Say what failed, on standard error."""
    print(f"failed: {message}", file=sys.stderr)
