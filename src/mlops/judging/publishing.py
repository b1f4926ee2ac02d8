"""From a finished `experiment` run to the text of its comment. What the run uploaded is taken for hostile."""

import io
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops.contract import BadInput, decode
from mlops.judging import changes, report
from mlops.judging.record import VERSION, Comparison, Failure

MOST_BYTES = 4_000_000
FILE = "comparison.json"
TITLE = "experiment"
MARK = f"CML watermark {TITLE}"
UNREVIEWED = "> These numbers were computed by the code of a fork, which nobody has reviewed yet.\n\n"


@dataclass(frozen=True)
class Run:
    """A finished run, as GitHub (not the run) describes it."""

    url: str
    conclusion: str
    sha: str
    fork: bool


def compose(run: Run, uploaded: bytes | None, files: Sequence[str] = ()) -> str:
    """The comment: the report, or what went wrong and where to look.

    Parameters
    ----------
    uploaded
        The zip that the run uploaded; None where it uploaded nothing, or too much.
    files
        What the pull request changes, as GitHub says: those that touch the judge are named whatever the run says.
    """
    try:
        text = _text(run, uploaded, changes.touching(files))
    except BadInput as error:
        text = f"### No report: what the experiment uploaded was refused\n\n{report.plain(str(error))}\n\n{_look(run)}"
    return (UNREVIEWED if run.fork else "") + text


def _text(run: Run, uploaded: bytes | None, flagged: list[str]) -> str:
    if uploaded is None:
        return f"### No report: the experiment ended as `{run.conclusion}` before it could compare\n\n{_look(run)}"
    content = unpack(uploaded)
    whole = _read(content)
    if whole.get("version") != VERSION:
        return f"### The report has a format that main doesn't know yet\n\n{_look(run)}"
    if "failed" in whole:
        lines = decode(Failure, content, FILE).failed.splitlines()
        failed = "  \n".join(report.plain(line) for line in lines)
        return f"### Failed: a side could not be trained or judged\n\n{failed}\n\n{_look(run)}"
    found = decode(Comparison, content, FILE)
    if found.head.commit != run.sha:
        raise BadInput(f"{FILE} speaks of {found.head.commit}, but the run was of {run.sha}")
    said = [name for name in found.changes.flagged if name not in flagged]
    more = msgspec.structs.replace(found.changes, flagged=[*flagged, *said][:200])
    found = msgspec.structs.replace(found, changes=more)
    doubt = ""
    if found.decision.accepted != (run.conclusion == "success"):
        doubt = f"> The run ended as `{run.conclusion}`, which contradicts the decision below. {_look(run)}\n\n"
    return doubt + report.render(found)


def unpack(uploaded: bytes) -> bytes:
    """The one file that the zip may hold, read in memory and never written to a path that the zip names.

    Raises
    ------
    BadInput
        The zip is broken, holds anything else, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(uploaded)) as archive:
            names = archive.namelist()
            if names != [FILE]:
                raise BadInput(f"the artifact must hold {FILE} alone, not {', '.join(names)[:200] or 'nothing'}")
            with archive.open(FILE) as file:
                content = file.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, ValueError, RuntimeError, OSError, EOFError) as error:
        raise BadInput(f"the artifact is no zip file: {error}") from None
    if len(content) > MOST_BYTES:
        raise BadInput(f"{FILE} is larger than {MOST_BYTES:,} bytes")
    return content


def watermarked(text: str, sha: str) -> str:
    """The body of the comment, marked as CML 0.20.6 marks its own, so that either finds it again."""
    return f'{text}\n\n![](https://cml.dev/watermark.png#{sha} "{MARK}")'


def is_marked(body: str) -> bool:
    """Does this comment carry the watermark?"""
    return f'"{MARK}")' in body and "![](https://cml.dev/watermark.png#" in body


def _read(content: bytes) -> dict[str, Any]:
    try:
        whole = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput(f"{FILE} is not valid JSON: {error}") from None
    return whole if isinstance(whole, dict) else {}


def _look(run: Run) -> str:
    return f"Look at [the run]({run.url})."
