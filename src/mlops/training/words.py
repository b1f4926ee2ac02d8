"""What a search found, in words."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from mlops.training.search import Trial

NEAR = 0.02  # share of the base rate's loss below which nothing much was learnt
LOST = 0.5  # share of what is gained on rows that were learnt from, that may be gone on others
SHOWN = 10


def render(trials: Sequence[Trial], base_rate: float) -> str:
    """The trials, from the best on, and what the first of them suffers from."""
    best, *_ = trials
    lines = [
        f"### Best of {len(trials)}: {settings(best)}", "",
        fitness(best, base_rate), "",
        "| trial | rounds | rows | loss in training | in validation | settings |", "|---|---|---|---|---|---|",
        *(_row(trial) for trial in trials[:SHOWN] if trial.failed is None),
        f"| base rate | | | | {base_rate:.4f} | |", "", *_failures(trials),
    ]  # fmt: skip
    return "\n".join(lines)


def fitness(trial: Trial, base_rate: float) -> str:
    """Does it over- or underfit?"""
    train, validation = trial.train or 0.0, trial.validation or 0.0
    gained, kept = base_rate - train, base_rate - validation
    losses = f"{train:.4f} on rows that it learnt from, {validation:.4f} on others, {base_rate:.4f} for the base rate"
    if gained < NEAR * base_rate:
        return f"**Underfits**: {losses}. It hardly learns: more trees or leaves, less strength, or better inputs."
    if kept < (1 - LOST) * gained:
        return (
            f"**Overfits**: {losses}. {1 - kept / gained:.0%} of what it gains on the rows that it learnt from is gone "
            "on others: fewer leaves or trees, more strength, more rows; or the world has changed in between."
        )
    return f"Fits: {losses}. {kept / gained:.0%} of what it gains on rows that it learnt from holds on others."


def line(trial: Trial) -> str:
    """A trial as its progress shows it."""
    loss = "" if trial.validation is None else f"loss {trial.validation:.4f} after {trial.rows:,} rows"
    return f"trial {trial.number}, round {trial.rounds}: {trial.failed or loss} ({settings(trial)})"


def settings(trial: Trial) -> str:
    """What a trial changes."""
    return ", ".join(f"{name} {plain(value)}" for name, value in trial.settings.items()) or "params.yaml as it is"


def plain(value: Any) -> str:
    """A value as YAML writes it on one line."""
    return str(yaml.safe_dump(value, default_flow_style=True, width=1000)).removesuffix("...\n").strip()


def _row(trial: Trial) -> str:
    losses = f"{trial.train:.4f} | {trial.validation:.4f}"
    return f"| {trial.number} | {trial.rounds} | {trial.rows:,} | {losses} | {settings(trial)} |"


def _failures(trials: Sequence[Trial]) -> Iterator[str]:
    for trial in trials:
        if trial.failed is not None:
            yield f"Trial {trial.number} ({settings(trial)}) failed: {trial.failed.splitlines()[0]}\n"
