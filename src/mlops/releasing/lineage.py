"""From a prediction, or a version, back to everything that it came from; read from git alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from mlops.releasing import registry
from mlops.releasing.registry import Registry
from mlops.workspace import git

TRAILERS = ("Pull-Request", "Approved-By", "Run", "Champion", "Verdict")


@dataclass(frozen=True)
class Lineage:
    """A version's origin. `stages` says when it was put where, and why; `about` are its commit's trailers."""

    version: str
    commit: str
    source: str
    subject: str
    about: dict[str, str]
    stages: list[str]
    params: dict[str, Any]
    data: dict[str, str]
    models: dict[str, str]
    metrics: dict[str, float]

    @property
    def again(self) -> str:
        return f"nox -s reproduce -- model@{self.version}"


def trace(root: Path, version: str) -> Lineage:
    """Where a version comes from.

    Raises
    ------
    BadInput
        There is no such version here; `git fetch --tags` may bring it.
    """
    commit = Registry.read(root).commit(version)
    source, subject = git(root, "log", "-1", "--format=%H%n%s", f"{commit}^").split("\n", 1)
    files = registry.outputs(root, commit)
    found = {name: registry.trailer(root, commit, name).strip() for name in TRAILERS}
    return Lineage(
        version=version,
        commit=commit,
        source=source,
        subject=subject,
        about={name: value for name, value in found.items() if value},
        stages=_stages(root, commit),
        params=yaml.safe_load(git(root, "show", f"{commit}:params.yaml"))["train"],
        data={"data": yaml.safe_load(git(root, "show", f"{commit}:data.dvc"))["outs"][0]["md5"]},
        models={name: md5 for name, md5 in files.items() if "model." in name},
        metrics=msgspec.json.decode(git(root, "show", f"{commit}:artifacts/metrics.json")),
    )


def describe(found: Lineage) -> list[tuple[str, str]]:
    """Rows for a person: what, and its value."""
    return [
        ("version", f"{found.version} (tag model@{found.version})"),
        ("release commit", found.commit),
        ("trained from", f"{found.source} {found.subject}"),
        *((name.lower().replace("-", " "), value) for name, value in found.about.items()),
        *(("stage", line) for line in found.stages),
        ("params", ", ".join(f"{name} {value}" for name, value in found.params.items())),
        *((f"md5 of {name}", md5) for name, md5 in (found.data | found.models).items()),
        ("metrics", ", ".join(f"{name} {value:.4f}" for name, value in found.metrics.items())),
        ("the same bytes again", found.again),
    ]


def _stages(root: Path, commit: str) -> list[str]:
    """Assignments of a release commit: tag, date, who, and the reason that the tag holds."""
    form = "%(refname:strip=2)%09%(creatordate:iso-strict)%09%(taggername)%09%(contents:subject)"
    rows = (
        line.split("\t", 3)
        for line in git(root, "for-each-ref", "--points-at", commit, f"--format={form}", "refs/tags").split("\n")
    )
    return [f"{tag}, {date}, {who}: {why}" for tag, date, who, why in rows if "#" in tag]
