"""A summer in the demo: four months of real traffic, what the monitor makes of it, and the pull request that retrains.

Its flights are those of live.dvc, the months after the model's data.
"""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops import console, replay
from mlops.contract import BadInput, save
from mlops.releasing.local import Served
from mlops.store import Store
from mlops.training import read
from pipelines.replay import LIVE, load
from problem.schema import SCHEMA
from rehearsal.runs import Run
from rehearsal.sandbox import Sandbox

JULY = "2013-07-31"
PATIENCE = 600.0  # seconds; ends a hang


@dataclass(frozen=True)
class Summer:
    """Of the project at `root`, whose production is `found`."""

    root: Path
    github: Sandbox
    found: Served

    @property
    def store(self) -> str:
        return f"sqlite:///{self.found.log.with_name('store.db').resolve()}"

    def passes(self) -> None:
        """Every flight of June to September asks, and what became of it is reported a day later."""
        subprocess.run(["dvc", "pull", "--quiet", "live.dvc"], cwd=self.root, check=True)
        rows = load(read.partitions(self.root / LIVE), SCHEMA)
        with console.bar("flights", len(rows)) as said:
            done = replay.replay(self.found.url, rows, SCHEMA, said)
        store, deadline = Store.connect(self.store), time.monotonic() + PATIENCE
        while store.outcome(done.last) is None:  # the spool is never empty, as the client goes on asking
            if time.monotonic() > deadline:
                raise BadInput(f"the store doesn't get what the service collects; see {self.found.log}")
            time.sleep(0.2)
        console.say(
            f"{done.rows:,} flights, {done.outcomes:,} outcomes in {done.requests} requests, {done.seconds:.0f} s"
        )

    def is_watched(self) -> list[Run]:
        """The monitor looks at July, and starts what it calls for; the runs, its own the first."""
        before = len(self.github.finished)
        self.github.options = ["--secret", f"STORE_URL={self.store}"]
        run = self.github.dispatch("monitor.yml", until=JULY)
        self.github.options = ()
        month = run.outcome.summary.split("### ")[-1]  # the last month, below the last week
        console.show(f"### {month.partition('| what')[0]}")
        return [run, *(one for one in self.github.finished[before:] if one is not run)]

    def is_proposed(self) -> bool:
        """Show the head of the pull request that retrains; was it opened, and is it better?"""
        pull: dict[str, Any] = self.github.api.known["pulls"][-1]
        path = self.root / "experiment/demo/retrain.md"
        save(path, pull["body"].encode())
        head = pull["body"].partition("## What the monitor sees")[0]
        report = pull["body"].partition("## What the experiment says")[2].partition("<details>")[0]
        console.say(f"Pull request {pull['title']}\n")
        console.show(f"{head}{report.strip()}")
        console.say(f"The full text: {path.relative_to(self.root)}")
        return pull["head"]["ref"] == "retrain" and "### Better" in report
