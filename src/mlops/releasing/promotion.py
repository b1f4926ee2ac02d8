"""Which version a stage gets: forward by a promotion, back by a rollback; both are one tag with a reason."""

import re
from dataclasses import dataclass
from pathlib import Path

from mlops import pointers, trees
from mlops.contract import BadInput
from mlops.objects import SEED
from mlops.params import Deploy
from mlops.releasing import registry, rights
from mlops.releasing.registry import BAD, CHALLENGER, Registry, order
from mlops.workspace import git

STAGING, PRODUCTION = "staging", "prod"
LEFT = re.compile(r"rollback from (v[0-9.]+): ")


@dataclass(frozen=True)
class Door:
    """What production asks for.

    Parameters
    ----------
    reviewers
        Has the environment reviewers? None where nobody knows.
    accepts
        Why somebody lets a version in that can't be compared with the champion; empty where nobody does.
    example
        May the template's own example go in? On GitHub only where the owner asked for it.
    """

    limits: Deploy
    reviewers: bool | None
    accepts: str = ""
    example: bool = True

    def held(self, root: Path, version: str, known: Registry, again: bool = False) -> str | None:
        """Why a version may not enter production yet, or None; `again` was somebody's yes before."""
        missing = [label for label in self.limits.require_labels if not known.has(label, version)]
        if missing:
            return f"{version} waits for the label '{missing[0]}': `nox -s promote -- {missing[0]} {version}` sets it"
        if self.limits.approval == "required" and not self.reviewers:
            return (
                "deploy.approval is `required`, but the environment `production` has no reviewers; "
                "name them in .github/settings/environments.yml (`nox -s settings`), or take the parameter back"
            )
        if not (self.reviewers or self.accepts.strip() or again) and is_incomparable(root, version, known):
            return (
                f"{version} can't be compared with the champion, so a person must approve, and the environment has no "
                "reviewers: start deploy.yml by hand with a reason in `accept-incomparable`, or run "
                f"`nox -s promote -- {version} --accept-incomparable REASON --push`"
            )
        return None


def is_incomparable(root: Path, version: str, known: Registry) -> bool:
    """Could it not be compared with the champion that there was?"""
    return registry.trailer(root, known.commit(version), "Verdict") == "incomparable"


def is_example(root: Path, commit: str) -> bool:
    """Was it trained on the data that the template brings along?"""
    data = trees.contents(root, commit, ["data.dvc"]).get("data.dvc", b"")
    named = re.search(rb"md5: ([0-9a-f]{32}\.dir)$", data, re.MULTILINE)
    return named is not None and bool(git(root, "ls-tree", commit, f"{SEED}/{pointers.relative(named[1].decode())}"))


def waits(root: Path, version: str, door: Door, known: Registry) -> str | None:
    """Why production doesn't get a version now, or None."""
    current = known.current(PRODUCTION)
    if current and order(current) > order(version):
        return f"skipped: {PRODUCTION} has {current} already, which is newer than {version}"
    if unfinished(root, PRODUCTION, known) == version:
        return f"held: {version} was rolled back by a run that was cut off: start rollback.yml again, to mark it bad"
    if not door.example and is_example(root, known.commit(version)):
        return (
            f"held: {version} is the template's example, which goes no further than staging. `nox -s adopt -- TABLE "
            "--target COLUMN` puts a table of yours in its place; to see the example in production, set the "
            "repository's variable DEPLOY_EXAMPLE to `true`, and start deploy.yml again"
        )
    held = door.held(root, version, known)
    return f"held: {held}" if held else None


def promote(root: Path, stage: str, version: str, door: Door, reason: str = "", remote: str | None = "origin") -> str:
    """Put a version into a stage; what happened, in a line. A challenger that becomes the champion is one no more.

    Raises
    ------
    BadInput
        There is no such version, or it is marked bad.
    """
    known = Registry.fetched(root, remote)
    known.commit(version)
    current = known.current(stage)
    if stage == STAGING and current and order(current) > order(version):
        return f"skipped: {stage} has {current} already, which is newer than {version}"
    kept = waits(root, version, door, known) if stage == PRODUCTION else None
    if kept:
        return kept
    why = reason or f"{version} to {stage}"
    if stage == PRODUCTION and door.accepts.strip() and is_incomparable(root, version, known):
        why = f"{why}, though it can't be compared with the champion: {door.accepts}"
    tag = registry.assign(root, stage, version, why, remote)
    if stage == PRODUCTION and known.current(CHALLENGER) == version:
        registry.unassign(root, CHALLENGER, f"{version} is the champion", remote)
    return f"{stage}: {version} ({tag})"


def rollback(
    root: Path, stage: str, version: str | None, reason: str, door: Door, remote: str | None = "origin"
) -> str:
    """Put an earlier version back, and mark the one that leaves as bad; what happened, in a line.

    Parameters
    ----------
    version
        None takes the one that was there before.

    Raises
    ------
    BadInput
        There is nothing to go back to, or the version is bad itself, or no reason was given.
    """
    if not reason.strip():
        raise BadInput("a rollback needs a reason: `--reason TEXT`; it stands in the tag, for whoever asks later")
    known = Registry.fetched(root, remote)
    left = unfinished(root, stage, known)
    if left:
        registry.assign(root, BAD, left, f"rolled back: {reason}", remote)
        known = Registry.fetched(root, remote)
        if version in (None, known.current(stage)):
            return f"{stage}: {known.current(stage)} is there already, and {left} before it is marked bad now: {reason}"
    leaving, wanted = known.current(stage), version or known.previous(stage)
    if wanted is None:
        raise BadInput(
            f"{stage} had no other version that isn't marked bad; known: {', '.join(known.versions) or 'none'}"
        )
    known.commit(wanted)
    if known.has(BAD, wanted):
        raise BadInput(f"{wanted} is marked bad, and is never deployed again")
    if wanted == leaving:
        return f"{stage}: {wanted} is there already"
    held = door.held(root, wanted, known, known.has(stage, wanted)) if stage == PRODUCTION else None
    if held:
        return f"held: {held}"
    rights.check(root, map(known.commit, filter(None, (wanted, leaving))), remote, "`nox -s rollback` on a laptop")
    tag = registry.assign(root, stage, wanted, f"rollback from {leaving}: {reason}", remote, over=leaving)
    if leaving:  # last: what is answered matters more than what is marked, which `unfinished` catches up on
        registry.assign(root, BAD, leaving, f"rolled back: {reason}", remote)
    return f"{stage}: {wanted} ({tag}), back from {leaving}, which is marked bad: {reason}"


def unfinished(root: Path, stage: str, known: Registry) -> str | None:
    """The version that the last rollback of a stage left, but didn't come to mark; None where there is none."""
    given = known.given(stage)
    subject = given and git(root, "for-each-ref", "--format=%(contents:subject)", f"refs/tags/{given}")
    left = LEFT.match(subject or "")
    return left[1] if left and left[1] in known.versions and not known.has(BAD, left[1]) else None
