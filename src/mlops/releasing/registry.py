"""Versions and stages as git tags, in the format of GTO: `model@v1.2.0` is a version, `model#prod#3` puts one there.

The newest assignment of a stage wins, so a rollback is one more tag. `model#challenger!#4` takes a version out again. A
stage may also be a label: `model#bad#1` marks a version that must not be deployed again.

References
----------
GTO 1.10, https://mlem.ai/doc/gto: tag names of versions and assignments.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from mlops.contract import BadInput
from mlops.releasing.branch import RACED
from mlops.workspace import git

Bump = Literal["major", "minor", "patch"]
FIRST, BAD, CHALLENGER = "v1.0.0", "bad", "challenger"
VERSION = re.compile(r"model@(v\d+\.\d+\.\d+)")
ASSIGNMENT = re.compile(r"model#([a-z][a-z0-9-]*)(!?)#(\d+)")
ATTEMPTS = 5


@dataclass(frozen=True)
class Registry:
    """What the tags say.

    `versions` maps each version to its release commit, the oldest version first; `stages` each stage to the versions
    that were put there, as (number, version) pairs, the oldest first; None where the one before was taken out.
    """

    versions: dict[str, str]
    stages: dict[str, list[tuple[int, str | None]]]

    @classmethod
    def of(cls, tags: dict[str, str]) -> "Registry":
        """From tag names and the commits that they point to; tags that mean nothing here are left aside."""
        found = {match[1]: commit for name, commit in tags.items() if (match := VERSION.fullmatch(name))}
        versions = {name: found[name] for name in sorted(found, key=order)}
        named = {commit: name for name, commit in versions.items()}
        matches = ((ASSIGNMENT.fullmatch(tag), named.get(commit)) for tag, commit in tags.items())
        events = sorted((int(match[3]), match[1], match[2], name) for match, name in matches if match and name)
        stages: dict[str, list[tuple[int, str | None]]] = {}
        for number, stage, ended, name in events:
            given = stages.setdefault(stage, [])
            if not ended:
                given.append((number, name))
            elif given and given[-1][1] == name:  # who ends a version doesn't end the one that came meanwhile
                given.append((number, None))
        return cls(versions, stages)

    @classmethod
    def read(cls, root: Path) -> "Registry":
        """The tags of a repository on this machine."""
        listed = git(root, "for-each-ref", "--format=%(refname:strip=2) %(objectname) %(*objectname)", "refs/tags")
        return cls.of({words[0]: words[-1] for words in map(str.split, listed.splitlines())})

    @classmethod
    def remote(cls, url: str, folder: Path = Path()) -> "Registry":
        """The tags of a remote, without fetching anything."""
        tags: dict[str, str] = {}
        for line in git(folder, "ls-remote", "--tags", url, "refs/tags/model@*", "refs/tags/model#*").splitlines():
            commit, ref = line.split("\t")
            tags[ref.removeprefix("refs/tags/").removesuffix("^{}")] = commit  # the peeled one comes second
        return cls.of(tags)

    @classmethod
    def fetched(cls, root: Path, remote: str | None) -> "Registry":
        """What `remote` says, its tags and commits brought here; without one what this repository says.

        Tags that were never pushed count for nothing where there is a remote.
        """
        if remote is None:
            return cls.read(root)
        git(root, "fetch", "--quiet", "--force", "--tags", remote)
        return cls.remote(remote, root)

    def current(self, stage: str) -> str | None:
        """The version that is in a stage now."""
        return self.stages[stage][-1][1] if self.stages.get(stage) else None

    def tags(self, stage: str) -> list[str]:
        """Names of a stage's tags, the newest first."""
        given = reversed(self.stages.get(stage, ()))
        return [f"model#{stage}{'' if version else '!'}#{number}" for number, version in given]

    def after(self, stage: str) -> int:
        """The number of a stage's next tag."""
        return self.stages[stage][-1][0] + 1 if self.stages.get(stage) else 1

    def has(self, label: str, version: str) -> bool:
        """Was this version ever put there? Asked of stages that are labels, such as `bad`."""
        return any(given == version for _, given in self.stages.get(label, ()))

    def previous(self, stage: str) -> str | None:
        """The version that was in a stage before the current one, and isn't marked bad."""
        current = self.current(stage)
        earlier = [v for _, v in self.stages.get(stage, ()) if v and v != current and not self.has(BAD, v)]
        return earlier[-1] if earlier else None

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
        if not self.versions:
            return FIRST
        major, minor, patch = order(list(self.versions)[-1])
        after = {"major": (major + 1, 0, 0), "minor": (major, minor + 1, 0), "patch": (major, minor, patch + 1)}
        return "v" + ".".join(map(str, after[bump]))


def order(version: str) -> tuple[int, int, int]:
    """`v1.10.0` as numbers, which sort as versions do."""
    major, minor, patch = map(int, version.removeprefix("v").split("."))
    return major, minor, patch


def outputs(root: Path, commit: str) -> dict[str, str]:
    """Path and MD5 of every file that the stages of a release commit wrote."""
    stages: dict[str, Any] = yaml.safe_load(git(root, "show", f"{commit}:dvc.lock"))["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", ())}


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
    """Make an annotated tag, and push it to `remote` where there is one: refused there, it isn't here either."""
    over = ["--force"] if remote else []  # one that was never pushed
    git(root, "tag", *over, "--annotate", "--message", message, name, commit, **identity())
    try:
        if remote:
            git(root, "push", "--quiet", remote, f"refs/tags/{name}")
    except BadInput:
        git(root, "tag", "--delete", name)
        raise
    return name


def assign(root: Path, stage: str, version: str, why: str, remote: str | None = "origin", anew: bool = False) -> str:
    """Put a version into a stage: the tag that says so, pushed to `remote` where there is one.

    Where it is there already there is nothing to do, unless the message says something `anew`.
    """

    def put(known: Registry) -> str:
        if known.current(stage) == version and not anew:
            return known.tags(stage)[0]
        return tag(root, f"model#{stage}#{known.after(stage)}", known.commit(version), why, remote)

    return _raced(root, remote, put)


def unassign(root: Path, stage: str, why: str, remote: str | None = "origin") -> str:
    """Take the version out of a stage: the tag that says so, none where it is empty already."""

    def end(known: Registry) -> str:
        leaving, name = known.current(stage), f"model#{stage}!#{known.after(stage)}"
        return tag(root, name, known.commit(leaving), why, remote) if leaving else ""

    return _raced(root, remote, end)


def _raced(root: Path, remote: str | None, make: Callable[[Registry], str]) -> str:
    """Another one may take the same number at the same time: then the next number is tried."""
    for attempt in range(ATTEMPTS):
        try:
            return make(Registry.fetched(root, remote))
        except BadInput as error:
            if attempt == ATTEMPTS - 1 or not any(said in str(error) for said in RACED):
                raise
    raise AssertionError("the last attempt returns or raises")
