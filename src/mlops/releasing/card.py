"""The model card of a version: what a person must know who relies on it."""

from pathlib import Path

import msgspec

from mlops.artifact import read_info
from mlops.contract import ModelInfo
from mlops.judging import report
from mlops.judging.record import Comparison


def describe(version: str, champion: str | None, folder: Path, found: Comparison | None, merged: list[str]) -> str:
    """Markdown for MODEL_CARD.md, the release and the summary of the run.

    Parameters
    ----------
    folder
        The tree that was trained, with its artifacts.
    found
        How it compares with the champion; None for the first version.
    merged
        Commits since the champion, one line each.

    References
    ----------
    Mitchell et al. 2019, "Model cards for model reporting".
    """
    info = read_info(folder / "artifacts")
    scores = msgspec.json.decode((folder / "artifacts/metrics.json").read_bytes())
    measured = [f"| {name} | {value:.4f} |" for name, value in scores.items() if isinstance(value, float)]
    trained = [f"`{name}` ({md5[:8]})" for name, md5 in info.data.items()]
    news = ["", "What it brings:", "", *(f"- {report.plain(line)}" for line in merged)] if merged else []
    lines = [
        f"# Model {version}", "",
        f"Predicts `{info.schema.target}` ({info.task}) from {len(info.schema.inputs)} inputs. "
        f"Trained on {info.rows:,} rows, seed {info.seed}.", "",
        "| metric, on the test rows | value |", "|---|---|", *measured, "",
        f"Data: {', '.join(trained)}.", "",
        f"Settings: {', '.join(f'`{name}` {value}' for name, value in info.settings.items())}.", "",
        f"Libraries: {', '.join(f'{name} {number}' for name, number in info.libraries.items())}.", "",
        *_inputs(info), "",
        f"The same bytes again: `nox -s reproduce -- model@{version}`.", *news,
    ]  # fmt: skip
    if found is None:
        return "\n".join([*lines, "", "There was no champion to compare with.", ""])
    return "\n".join([*lines, "", f"## Against the champion {champion}", "", report.render(found)])


def _inputs(info: ModelInfo) -> list[str]:
    """A table of what a request carries."""
    rows = ["| input | type | unit | range | may be missing |", "|---|---|---|---|---|"]
    for name in info.schema.inputs:
        column = info.schema.columns[name]
        limits = f"{column.low:g} to {column.high:g}" if column.low is not None and column.high is not None else ""
        limits = limits or report.plain(", ".join(column.categories))
        rows.append(f"| `{name}` | {column.type} | {column.unit} | {limits} | {'yes' if column.missing else ''} |")
    return rows
