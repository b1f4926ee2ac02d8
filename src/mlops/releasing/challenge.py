"""Who challenges the champion: a version beside production, until a tag ends it or makes it the champion."""

from pathlib import Path

from mlops.artifact import read_info
from mlops.challenge import Challenge, obstacle
from mlops.contract import BadInput, ModelInfo
from mlops.releasing import messages, registry, release
from mlops.releasing.promotion import PRODUCTION, Door
from mlops.releasing.registry import BAD, CHALLENGER, Registry

SCRATCH = ".dvc/tmp/challenge"


def begin(root: Path, wanted: Challenge, door: Door, reason: str = "", remote: str | None = "origin") -> str:
    """Put a version beside production; what happened, in a line.

    One that answers people (`split`) passes the same door as production.

    Raises
    ------
    BadInput
        No such version or share; or the version is marked bad, or can't be tried on the champion's requests.
    """
    version = wanted.version
    if not 0 < wanted.share <= 1:
        raise BadInput(f"--share {wanted.share:g}: expected more than 0, and 1 at most")
    known = Registry.fetched(root, remote)
    known.commit(version)
    if known.has(BAD, version):
        raise BadInput(f"{version} is marked bad, and never answers again; choose another one")
    champion = known.current(PRODUCTION)
    if champion is None or champion == version:
        raise BadInput(f"{version} has nobody to challenge: in {PRODUCTION} is {champion or 'no version yet'}")
    problem = obstacle(*(info(root, known, name) for name in (champion, version)))
    if problem:
        raise BadInput(f"{version} can't be tried on the requests of {champion}: {problem}")
    held = door.held(root, version, known) if wanted.mode == "split" else None
    if held:
        return f"held: {held}"
    now = known.given(CHALLENGER)
    if now and known.current(CHALLENGER) == version and messages.trailers(root, now) == messages.spoken(wanted):
        return f"challenger: {said(wanted)} already ({now})"
    tag = registry.assign(root, CHALLENGER, version, messages.compose(wanted, reason), remote, anew=True)
    return f"challenger: {said(wanted)} of {champion} ({tag})"


def end(root: Path, reason: str = "", remote: str | None = "origin") -> str:
    """Take the challenger away; what happened, in a line."""
    leaving = Registry.fetched(root, remote).current(CHALLENGER)
    if leaving is None:
        return "there is no challenger"
    tag = registry.unassign(root, CHALLENGER, reason.strip() or f"{leaving} is challenger no more", remote)
    return f"challenger: {leaving} no more ({tag})"


def said(wanted: Challenge) -> str:
    """In words: which version gets how many rows, and what becomes of its answers."""
    return f"{wanted.version} in {wanted.mode}, {wanted.share:.0%} of the rows"


def info(root: Path, known: Registry, version: str) -> ModelInfo:
    """model.json of a version, from storage."""
    folder = release.fetch(root, known.commit(version), root / SCRATCH / version, ("model.json",))
    return read_info(folder / "artifacts")
