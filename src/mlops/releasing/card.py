"""The model card of a version: what a person must know who relies on it."""

from pathlib import Path

import msgspec
import pandas as pd

from mlops import params
from mlops.artifact import Model
from mlops.contract import ModelInfo
from mlops.judging import guards, metrics, report
from mlops.judging.record import Comparison
from mlops.params import Card


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
    model = Model.load(folder / "artifacts")
    info, about = model.info, params.load(folder).card
    scores = msgspec.json.decode((folder / "artifacts/metrics.json").read_bytes())
    measured = [f"| {name} | {value:.4f} |" for name, value in scores.items() if isinstance(value, float)]
    trained = [f"`{name}` ({md5[:8]})" for name, md5 in info.data.items()]
    news = ["", "What it brings:", "", *(f"- {report.plain(line)}" for line in merged)] if merged else []
    lines = [
        f"# Model {version}", "",
        f"Predicts `{info.schema.target}` ({info.task}) from {len(info.schema.inputs)} inputs. "
        f"Trained on {info.rows:,} rows, seed {info.seed}.", "",
        *_purpose(about, info), "",
        "| metric, on the test rows | value |", "|---|---|", *measured, "",
        f"Data: {', '.join(trained)}.", "",
        f"Settings: {', '.join(f'`{name}` {value}' for name, value in info.settings.items())}.", "",
        f"Libraries: {', '.join(f'{name} {number}' for name, number in info.libraries.items())}.", "",
        *_inputs(info, _importance(model, folder / "artifacts/test.parquet")), "",
        "Importance: the rise of the loss on test rows when the input is shuffled, as a share of all inputs'.", "",
        f"The same bytes again: `nox -s reproduce -- model@{version}`.", *news,
    ]  # fmt: skip
    if found is None:
        return "\n".join([*lines, "", "There was no champion to compare with.", ""])
    return "\n".join([*lines, "", f"## Against the champion {champion}", "", report.render(found)])


def _purpose(about: Card, info: ModelInfo) -> list[str]:
    """For whom and what the model is, and isn't; and what of people it sees."""
    sensitive = [f"`{name}`" for name, column in info.schema.columns.items() if column.sensitive]
    return [
        f"- **Meant for:** {report.plain(about.meant_for)}",
        f"- **Not meant for:** {report.plain(about.not_meant_for)}",
        f"- **Owner:** {report.plain(about.owner)}",
        f"- **Sensitive columns**, masked in what is kept: {', '.join(sensitive) or 'none'}",
    ]


def _importance(model: Model, test: Path) -> dict[str, float]:
    """Share of the model's skill that each input carries, on as many test rows as the judge takes."""
    rows = pd.read_parquet(test)
    return guards.importance(model, rows, metrics.encoded(rows, model.info))


def _inputs(info: ModelInfo, importance: dict[str, float]) -> list[str]:
    """A table of what a request carries, what the model relies on most first."""
    rows = ["| input | importance | type | unit | range | may be missing |", "|---|---|---|---|---|---|"]
    for name, share in sorted(importance.items(), key=lambda item: -item[1]):
        column = info.schema.columns[name]
        limits = f"{column.low:g} to {column.high:g}" if column.low is not None and column.high is not None else ""
        limits = limits or report.plain(", ".join(column.categories))
        missing = "yes" if column.missing else ""
        rows.append(f"| `{name}` | {share:.0%} | {column.type} | {column.unit} | {limits} | {missing} |")
    return rows
