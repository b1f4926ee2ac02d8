"""The pull request that a retraining opens: what it adds, what it gains, why, and the experiment's whole report.

Values that production was sent may stand in the monitor's findings, so these are shown with everything taken from them
that Markdown would act on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlops.judging import report
from mlops.judging.record import Comparison
from mlops.watching import summary
from mlops.watching.labelled import Labelled
from mlops.watching.record import Monitor

MOST_CHARACTERS = 65_536  # of a pull request's body
MOST_LEFT_OUT = 10
CLICK = (
    '> It was opened with GITHUB_TOKEN, so its own workflows wait for a click on "Approve and run". The report below '
    "is of the same experiment, run when this was written. With a GitHub App they start by themselves: "
    "docs/monitoring.md."
)


@dataclass(frozen=True)
class Proposal:
    """`compared` is what the experiment found, or why it failed; `waits`: its workflows wait for somebody's click."""

    taken: Labelled
    file: str
    seen: Monitor
    compared: Comparison | str
    reason: str = ""
    waits: bool = False

    @property
    def title(self) -> str:
        return title(self.taken)

    @property
    def body(self) -> str:
        """Markdown, as long as GitHub takes it; where it would be longer, the monitor's summary is cut."""
        head, judged = "\n\n".join(self._head()), _judged(self.compared)
        room = MOST_CHARACTERS - len(head) - len(judged) - 200
        return f"{head}\n\n## What the monitor sees\n\n{_cut(_evidence(self.seen), room)}\n\n{judged}"

    def _head(self) -> Iterator[str]:
        days = self.taken.days
        yield (
            f"Adds {len(self.taken.rows):,} rows of {days[0]} to {days[-1]} that production answered and whose "
            f"outcomes are known, as `{self.file}`. Merging it deploys: deploy.yml trains on all rows, and lets the "
            f"candidate meet the champion. {self.seen.owner}"
        )
        if self.reason:
            yield f"Why now: {report.plain(self.reason)}"
        if not isinstance(self.compared, str) and self.compared.metrics and self.compared.basis:
            loss, basis = self.compared.metrics[0], self.compared.basis
            gain = report.headline(loss, basis.confidence)
            yield f"**Expected gain**: {gain}, on {basis.test_rows:,} rows, {basis.period}."
        left_out = self.taken.left_out
        if left_out:
            more = [f"and {len(left_out) - MOST_LEFT_OUT} more"] if len(left_out) > MOST_LEFT_OUT else []
            yield "Left out:\n" + "\n".join(f"- {line}" for line in [*left_out[:MOST_LEFT_OUT], *more])
        if self.waits:
            yield CLICK


def title(taken: Labelled) -> str:
    """Of the pull request, and of its commit."""
    return f"Retrain with production's rows of {taken.days[0]} to {taken.days[-1]}"


def _judged(compared: Comparison | str) -> str:
    if isinstance(compared, str):
        return f"## The experiment failed\n\n{report.plain(compared)}\n"
    return f"## What the experiment says\n\n{report.render(compared)}"


def _evidence(seen: Monitor) -> str:
    """The monitor's summary, with nothing in it that GitHub would link, show, notify or take for HTML."""
    text = summary.render(seen).replace("<", "&lt;").replace("](", "]\u200b(").replace("://", ":\u200b//")
    return re.sub("(@)", "\\1\u200b", text)


def _cut(text: str, most: int) -> str:
    """Whole lines, at most so many characters."""
    whole = text[: text.rfind("\n", 0, max(most, 1))]
    return text if len(text) <= most else f"{whole}\n\n... cut here, as a pull request's text holds no more."
