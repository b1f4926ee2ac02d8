"""What the messages of the registry's tags say: who put what where, when and why; and how a challenger runs.

The agent reads them, too, so this stays light.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mlops.challenge import Challenge
from mlops.contract import BadInput
from mlops.history import MOST, Assignment
from mlops.releasing.registry import ASSIGNMENT, BAD, CHALLENGER, Registry
from mlops.workspace import git

FIELDS = ("refname:strip=2", "creatordate:unix", "taggername", "contents:subject")
TRAILERS = ("Mode", "Share")  # of a challenger's tag


def recent(known: Registry, stages: Iterable[str]) -> list[str]:
    """Names of the tags whose messages are worth reading: the newest of each stage."""
    return [name for stage in stages for name in known.tags(stage)[:MOST]]


def history(repository: Path, known: Registry, stages: Iterable[str]) -> list[Assignment]:
    """The newest assignments of all these stages together, the newest first; their tags were fetched."""
    refs = [f"refs/tags/{name}" for name in recent(known, stages)]
    form = "%09".join(f"%({field})" for field in FIELDS)
    lines = git(repository, "for-each-ref", f"--format={form}", *refs).split("\n") if refs else ()
    found = [_assignment(line.split("\t", 3), known) for line in lines]
    return sorted(found, key=lambda one: (one.at, one.number), reverse=True)[:MOST]


def _assignment(fields: list[str], known: Registry) -> Assignment:
    name, at, by, reason = fields
    stage, mark, number = ASSIGNMENT.findall(name)[0]
    version = next(move.version for move in known.stages[stage] if move.tag == name)
    return Assignment(
        stage=stage, number=int(number), version=version, at=datetime.fromtimestamp(int(at), UTC), by=by,
        reason=reason, bad=known.has(BAD, version), ended=bool(mark),
    )  # fmt: skip


def challenge(repository: Path, known: Registry, champion: str | None) -> Challenge | None:
    """Who challenges the champion now, and how; None where nobody does, or it is marked bad or is the champion by now.

    Raises
    ------
    BadInput
        The tag says something else than this project's own do.
    """
    version = known.current(CHALLENGER)
    if version in (None, champion) or known.has(BAD, str(version)):
        return None
    name = str(known.given(CHALLENGER))
    given = {key.lower(): value for key, value in trailers(repository, name).items()}
    try:
        return msgspec.convert({"version": version, **given}, Challenge, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"tag {name}: {error}; make it anew: `nox -s challenge -- {version}`") from None


def trailers(repository: Path, tag: str) -> dict[str, str]:
    """How a challenger runs, in the words of its tag's message."""
    body = git(repository, "for-each-ref", "--format=%(contents:body)", f"refs/tags/{tag}")  # without its signature
    lines = git(repository, "interpret-trailers", "--parse", given=f"{tag}\n\n{body}\n").splitlines()
    said = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return {key: said[key] for key in TRAILERS if key in said}


def spoken(wanted: Challenge) -> dict[str, str]:
    """What `trailers` reads of a tag for this challenger."""
    return dict(zip(TRAILERS, (wanted.mode, f"{wanted.share:g}"), strict=True))


def compose(wanted: Challenge, reason: str) -> str:
    """The message of a challenger's tag."""
    lines = [f"{key}: {value}" for key, value in spoken(wanted).items()]
    return "\n".join([reason.strip() or f"{wanted.version} as challenger", "", *lines])
