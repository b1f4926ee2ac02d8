"""From comparison.json to what GitHub shows: the text of the one comment, and the commit status `verdict`."""

import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops.contract import BadInput, decode
from mlops.judging import report
from mlops.judging.record import Comparison, Failure

FILE, MOST_BYTES = "comparison.json", 4_000_000
STATUS = "verdict"
TITLE = "experiment"
MARK = f"CML watermark {TITLE}"
SIDES = ("base: ", "head: ", "judge: ")
LONGEST = 140  # characters that GitHub takes for a status


@dataclass(frozen=True)
class Shown:
    """The comment, and the state and description of the status."""

    text: str
    state: Literal["success", "failure"]
    description: str


def compose(uploaded: Path | None, run: str) -> Shown:
    """The report, or what went wrong and where to look.

    Parameters
    ----------
    uploaded
        The zip of comparison.json that the judge uploaded; None where it uploaded none.
    run
        Address of the run that judged.
    """
    look = f"Look at [the run]({run})."
    if uploaded is None:
        return _without("the judge ended before it could compare", look)
    try:
        with zipfile.ZipFile(uploaded) as archive:
            content = archive.read(FILE)
        with suppress(BadInput):
            return _without(decode(Failure, content, FILE).failed, look)
        found = decode(Comparison, content, FILE)
        text = report.render(found)
    except (BadInput, UnicodeError) as error:
        return _without(str(error), look)
    title = next(line for line in text.split("\n") if line.startswith("### "))
    return Shown(text, "success" if found.decision.accepted else "failure", _short(title.removeprefix("### ")))


def _without(reason: str, look: str) -> Shown:
    """Why there is no verdict, in place of an earlier commit's report, which would be taken for this one's."""
    told = "  \n".join(report.plain(line) for line in reason.splitlines())
    ours = reason.startswith(SIDES)
    title = "Failed: a side could not be trained or judged" if ours else "No report: there is no verdict"
    return Shown(f"### {title}\n\n{told}\n\n{look}", "failure", _short(f"{title.partition(':')[0]}: {reason}"))


def _short(text: str) -> str:
    """For a status, of which GitHub refuses the whole where it doesn't like a sign."""
    line = (text.splitlines() or [""])[0]
    return "".join(sign for sign in line if sign.isprintable() and sign <= "\uffff")[:LONGEST]


def watermarked(text: str, sha: str) -> str:
    """The body of the comment, marked as CML 0.20.6 marks its own, so that either finds it again."""
    return f'{text}\n\n![](https://cml.dev/watermark.png#{sha} "{MARK}")'


def is_marked(body: str) -> bool:
    """Does this comment carry the watermark?"""
    return f'"{MARK}")' in body and "![](https://cml.dev/watermark.png#" in body
