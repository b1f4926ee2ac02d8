"""Versions and stages as git tags, in the format of GTO: `model@v1.2.0` is a version, `model#prod#3` puts one there.

The newest assignment of a stage wins, so a rollback is one more tag. `model#challenger!#4` takes a version out again;
then the one before it is there again, unless that was taken out, too. `model@v1.2.0!` says that a version is none any
more. A stage may also be a label: `model#bad#1` marks a version that must not be deployed again.

References
----------
GTO 1.10, https://mlem.ai/doc/gto: tag names, and what they come to. A test compares both on random histories.
"""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from mlops import pointers
from mlops.contract import BadInput
from mlops.releasing import rights, signing
from mlops.releasing.branch import RACED
from mlops.workspace import git

Bump = Literal["major", "minor", "patch"]
FIRST, BAD, CHALLENGER = "v1.0.0", "bad", "challenger"
NUMBER = "(?:0|[1-9][0-9]*)"  # as \d is also a digit of another script
VERSION = re.compile(rf"model@(v{NUMBER}\.{NUMBER}\.{NUMBER})(!?)(?:#([0-9]+))?")
ASSIGNMENT = re.compile(r"model#([a-z][a-z0-9-]*)(!?)#([0-9]+)")
ATTEMPTS = 5
T = TypeVar("T")


class Move(NamedTuple):
    """A tag that put `version` into a stage or took it out; `there` is who is in it since, the current one last."""

    number: int
    tag: str
    version: str
    ended: bool
    there: tuple[str, ...]


@dataclass(frozen=True)
class Registry:
    """What the tags say.

    `versions` maps each version to its release commit, the oldest version first; `stages` each stage to the moves that
    had an effect, the oldest first; `names` are all that a version ever had. A commit has one version: where a second
    name was given to it, the older one counts. `refused` are tags that count for nothing: their names are taken.
    """

    versions: dict[str, str]
    stages: dict[str, list[Move]]
    names: tuple[str, ...] = ()
    refused: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tags: dict[str, str], refused: frozenset[str] = frozenset()) -> "Registry":
        """From tag names and the commits that they point to; tags that mean nothing here are left aside."""
        names, named = _versions(tags)
        versions = {name: commit for commit, name in named.items()}
        matches = ((ASSIGNMENT.fullmatch(tag), named.get(commit)) for tag, commit in tags.items())
        events = [(int(match[3]), not match[2], match, name) for match, name in matches if match and name]
        stages: dict[str, list[Move]] = {}
        there: dict[str, dict[str, None]] = {}  # by stage, the last one put there last
        for number, begins, match, name in sorted(events, key=lambda event: event[:2]):  # an end comes before a begin
            inside = there.setdefault(match[1], {})
            if begins or name in inside:
                inside.pop(name, None)
                if begins:
                    inside[name] = None
                stages.setdefault(match[1], []).append(Move(number, match[0], name, not begins, tuple(inside)))
        return cls(versions, stages, names, refused)

    @classmethod
    def read(cls, root: Path) -> "Registry":
        """The tags of a repository on this machine."""
        listed = git(root, "for-each-ref", "--format=%(refname:strip=2) %(objectname) %(*objectname)", "refs/tags")
        rows = [line.split(" ") for line in listed.split("\n") if line]
        return cls.checked(root, {name: tuple(filter(None, ids)) for name, *ids in rows})

    @classmethod
    def checked(cls, root: Path, tags: dict[str, tuple[str, ...]]) -> "Registry":
        """From tag names with their objects and, where these are annotated, commits; the objects are in `root`.

        Where main says who signs, tags that nobody signed count for nothing; each is said.
        """
        known = {name: ids for name, ids in tags.items() if ours(name)}
        good, refused = signing.believed(root, {name: ids[0] for name, ids in known.items()})
        for why in refused:
            print(f"warning: {why}; it counts for nothing", file=sys.stderr)
        return cls.of({name: ids[-1] for name, ids in known.items() if name in good}, frozenset(known.keys() - good))

    @classmethod
    def fetched(cls, root: Path, remote: str | None) -> "Registry":
        """What `remote` says, its tags and commits brought here; without one what this repository says.

        Tags that were never pushed count for nothing where there is a remote.
        """
        if remote is None:
            return cls.read(root)
        git(root, "fetch", "--quiet", "--force", "--tags", remote)
        return cls.checked(root, listed(root, remote))

    def current(self, stage: str) -> str | None:
        """The version that is in a stage now."""
        return next(reversed(self.there(stage)), None)

    def there(self, stage: str) -> tuple[str, ...]:
        """All that were put into a stage and not taken out, the current one last."""
        return self.stages[stage][-1].there if self.stages.get(stage) else ()

    def given(self, stage: str) -> str | None:
        """Name of the tag that put the current version there."""
        moves, current = reversed(self.stages.get(stage, ())), self.current(stage)
        return next((move.tag for move in moves if move.version == current and not move.ended), None)

    def tags(self, stage: str) -> list[str]:
        """Names of a stage's tags, the newest first."""
        return [move.tag for move in reversed(self.stages.get(stage, ()))]

    def after(self, stage: str) -> int:
        """The number of a stage's next tag."""
        number = self.stages[stage][-1].number + 1 if self.stages.get(stage) else 1
        while self.refused & {f"model#{stage}{end}#{number}" for end in ("", "!")}:
            number += 1
        return number

    def has(self, label: str, version: str) -> bool:
        """Was this version ever put there? Asked of stages that are labels, such as `bad`."""
        return any(move.version == version and not move.ended for move in self.stages.get(label, ()))

    def previous(self, stage: str) -> str | None:
        """The version that was in a stage before the current one, and isn't marked bad."""
        current = self.current(stage)
        earlier = (move.there[-1] for move in reversed(self.stages.get(stage, ())) if move.there)
        return next((version for version in earlier if version != current and not self.has(BAD, version)), None)

    def commit(self, version: str) -> str:
        """The release commit of a version.

        Raises
        ------
        BadInput
            There is no such version; names those that there are.
        """
        if version not in self.versions:
            raise BadInput(f"{version}: no such version; known: {', '.join(self.versions) or 'none yet'}")
        return self.versions[version]

    def next(self, bump: Bump) -> str:
        """The version after the newest."""
        version = FIRST
        if self.names:
            major, minor, patch = order(self.names[-1])
            after = {"major": (major + 1, 0, 0), "minor": (major, minor + 1, 0), "patch": (major, minor, patch + 1)}
            version = "v" + ".".join(map(str, after[bump]))
        while f"model@{version}" in self.refused:
            major, minor, patch = order(version)
            version = f"v{major}.{minor}.{patch + 1}"
        return version


def listed(root: Path, remote: str, *more: str) -> dict[str, tuple[str, ...]]:
    """Tags of a remote: their objects, and where these are annotated, commits; nothing is fetched.

    `more` are other refs to tell of, by their whole names.
    """
    tags: dict[str, tuple[str, ...]] = {}
    said = git(root, "ls-remote", remote, "refs/tags/model@*", "refs/tags/model#*", *more)
    for line in filter(None, said.split("\n")):  # what git calls a line: other separators may stand in a name
        id, ref = line.split("\t")
        name = ref.removeprefix("refs/tags/").removesuffix("^{}")
        if ref in more or (ref.startswith("refs/tags/") and ours(name)):  # a branch may be called x/refs/tags/model@1
            tags[name] = (*tags.get(name, ()), id)  # the peeled one comes second
    return tags


def believed(root: Path, remote: str = "origin") -> dict[str, str]:
    """Objects by name of the tags of a remote that count, by what main says of signers; they were fetched."""
    tags = {name: ids[0] for name, ids in listed(root, remote).items()}
    return {name: tags[name] for name in sorted(signing.believed(root, tags)[0])}


def ours(name: str) -> bool:
    """Does a tag of this name say anything here?"""
    return bool(VERSION.fullmatch(name) or ASSIGNMENT.fullmatch(name))


def _versions(tags: dict[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """All names of versions, and by release commit those that are versions still; both the oldest first.

    A version has the commit that was registered first, whatever a later tag of that name says.
    """
    said: dict[str, list[tuple[int, bool, str]]] = {}
    for tag, commit in tags.items():
        if match := VERSION.fullmatch(tag):
            said.setdefault(match[1], []).append((int(match[3] or 0), bool(match[2]), commit))
    names = tuple(sorted(said, key=order))
    found: dict[str, str] = {}
    for name in names:
        events = sorted(said[name])
        commits = [commit for _, ended, commit in events if not ended]
        if commits and not events[-1][1]:
            found.setdefault(commits[0], name)
    return names, found


def order(version: str) -> tuple[int, int, int]:
    """`v1.10.0` as numbers, which sort as versions do."""
    major, minor, patch = map(int, version.removeprefix("v").split("."))
    return major, minor, patch


def outputs(root: Path, commit: str) -> dict[str, str]:
    """Path and MD5 of every file that the stages of a release commit wrote."""
    return pointers.made(git(root, "show", f"{commit}:dvc.lock").encode())


def trailer(root: Path, commit: str, name: str) -> str:
    """The value of a trailer of a commit's message, empty where it has none."""
    return git(root, "log", "-1", f"--format=%(trailers:key={name},valueonly,separator=%x2C)", commit)


def identity() -> dict[str, str]:
    """Who makes commits and tags: git's own settings, or on a runner, which has none, who started the workflow."""
    actor = os.environ.get("GITHUB_ACTOR")
    if not actor:
        return {}
    person = {"NAME": actor, "EMAIL": f"{actor}@users.noreply.github.com"}
    return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}


def tag(root: Path, name: str, commit: str, message: str, remote: str | None) -> str:
    """Make an annotated tag, and push it to `remote` where there is one: refused there, it isn't here either.

    Raises
    ------
    BadInput
        It would count for nothing, as main asks for a signature; or GitHub wouldn't take it.
    """
    signing.needs_key(root, name)
    rights.check(root, [commit], remote)
    over = ["--force"] if remote else []  # one that was never pushed
    with signing.options() as signed:
        text = signing.placed(message, root) if signed else message
        git(root, *signed, "tag", *over, "--annotate", "--message", text, name, commit, **identity())
    try:
        if remote:
            git(root, "push", "--quiet", remote, f"refs/tags/{name}")
    except BadInput:
        git(root, "tag", "--delete", name)
        raise
    return name


def assign(
    root: Path, stage: str, version: str, why: str, remote: str | None = "origin", anew: bool = False,
    over: str | None = None,
) -> str:  # fmt: skip
    """Put a version into a stage: the tag that says so, pushed to `remote` where there is one.

    Where it is there already there is nothing to do, unless the message says something `anew`. `over` is which one the
    caller takes out.

    Raises
    ------
    BadInput
        It is marked bad, and be it since a moment ago; or another one is in the stage by now.
    """

    def put(known: Registry) -> str:
        if stage != BAD and known.has(BAD, version):
            raise BadInput(f"{version} is marked bad, and is never deployed again; release another one")
        if known.current(stage) == version and not anew:
            return str(known.given(stage))
        if over and known.current(stage) != over:
            raise BadInput(
                f"{stage} has {known.current(stage)} by now, not {over}: nothing was changed; look, and start again"
            )
        return tag(root, f"model#{stage}#{known.after(stage)}", known.commit(version), why, remote)

    return raced(root, remote, put)


def unassign(root: Path, stage: str, why: str, remote: str | None = "origin") -> str:
    """Empty a stage, the current version last: the tag that says so of it, none where it is empty already."""

    def end(known: Registry) -> str:
        there, name = known.there(stage), f"model#{stage}!#{known.after(stage)}"
        return tag(root, name, known.commit(there[0]), why, remote) if there else ""

    last = ""
    while made := raced(root, remote, end):
        last = made
    return last


def raced(root: Path, remote: str | None, make: Callable[[Registry], T]) -> T:
    """`make` a tag by what is known; another one may take the same name at the same time: then it is asked again."""
    for attempt in range(ATTEMPTS):
        try:
            return make(Registry.fetched(root, remote))
        except BadInput as error:
            if attempt == ATTEMPTS - 1 or not any(said in str(error) for said in RACED):
                raise
    raise AssertionError("the last attempt returns or raises")
