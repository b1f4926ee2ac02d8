"""A bare origin with real versions of this project, what each version answers, and which one was wanted when."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import requests
import yaml
from threadpoolctl import threadpool_limits

import benchmarks  # noqa: F401 (finds src/)
from benchmarks.traffic import Answer
from mlops import params, pointers
from mlops.artifact import Model
from mlops.contract import save
from mlops.params import Params
from mlops.releasing import registry, release, smoke
from mlops.releasing.agent import FILES
from mlops.releasing.branch import Branch
from mlops.workspace import Workspace, git
from pipelines import train

ROOT = Path(__file__).parents[1]
ROWS = 2000  # of a training: what is measured isn't how good the models are
TOLERANCE = 1e-6


@dataclass
class Move:
    """A version was put into the stage between `before` and `after`; `served` is when it was first seen to answer."""

    version: str
    before: float
    after: float = float("inf")
    served: float = float("inf")


@dataclass
class Stand:
    """`models` holds a folder a version; `answers` the probabilities that it gives for each row of `bodies`."""

    folder: Path
    versions: list[str]
    bodies: list[bytes] = field(default_factory=list)
    answers: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def model(self, version: str) -> Path:
        return self.folder / "models" / version

    @property
    def limits(self) -> Params:
        return params.load(self.project)

    def moving(self, version: str) -> Move:
        """Note that a version is about to be put into the stage."""
        self.moves.append(Move(version, time.time()))
        return self.moves[-1]

    def learn(self, url: str) -> None:
        """Make requests of the first version's golden rows, and compute what each version must answer."""
        first = Model.load(self.model(self.versions[0]))
        self.bodies = [
            json.dumps({"rows": [row]}).encode() for row in smoke.requested(requests.Session(), url, first.info)
        ]
        for version in self.versions:
            predicted = Model.load(self.model(version)).predict(first.info.golden.rows)
            self.answers[version] = [tuple(map(float, row)) for row in predicted]
        for row, values in enumerate(zip(*self.answers.values(), strict=True)):
            if any(_same(one, other) for i, one in enumerate(values) for other in values[:i]):
                raise RuntimeError(f"two versions answer row {row} alike, so it couldn't be told which one did")

    def is_right(self, answer: Answer) -> bool:
        """Is it of a version that was wanted just then, and what this version's ONNX file gives?"""
        following = [*self.moves[1:], Move("", float("inf"))]
        wanted = {
            move.version
            for move, after in zip(self.moves, following, strict=True)
            if move.before <= answer.end and answer.start <= after.served
        }
        return answer.model in wanted and _same(answer.probabilities, self.answers[answer.model][answer.row])

    def wrong(self, answers: Iterable[Answer]) -> list[Answer]:
        return [answer for answer in answers if answer.status == 200 and not self.is_right(answer)]


def make(folder: Path, count: int, **blocks: dict[str, object]) -> Stand:
    """An origin that holds `count` versions, v1.0.0 and upwards, none of them in a stage yet.

    Parameters
    ----------
    blocks
        Keys of blocks of the project's params.yaml that differ from the template's.
    """
    stand = Stand(folder, [f"v1.{n}.0" for n in range(count)])
    git(ROOT, "clone", "--quiet", "--bare", "--no-tags", "--single-branch", str(ROOT), str(stand.origin))
    for name in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):  # as git hosts have it
        git(stand.origin, "config", name, "true")
    git(folder, "clone", "--quiet", str(stand.origin), str(stand.project))
    for root in (stand.origin, stand.project):
        git(root, "config", "user.name", "A benchmark")
        git(root, "config", "user.email", "benchmark@example.com")
    side = Workspace.lay(stand.project, "HEAD", stand.project / release.SCRATCH / "candidate")
    _sample(side)
    Branch(stand.project).send(dict(pair for version in stand.versions for pair in _fit(stand, version)))
    git(stand.project, "push", "--quiet", "origin", *(_tag(stand, side, version) for version in stand.versions))
    for block, values in blocks.items():
        Workspace(stand.project, "HEAD", stand.project).set_params(block, **values)
    return stand


def _sample(side: Workspace) -> None:
    """The bundled training rows, fewer of them."""
    digest = registry.outputs(side.root, side.tree)["artifacts/train.parquet"]
    bundled = pointers.locate(digest, [side.folder / ".dvc/seed"])
    rows = pd.read_parquet(bundled or Path(digest)).sample(ROWS, random_state=0)
    rows.to_parquet(side.folder / "artifacts/train.parquet")


def _fit(stand: Stand, version: str) -> Iterable[tuple[str, Path]]:
    """Train with a learning rate of the version's own; its objects."""
    side = Workspace(stand.project, "HEAD", stand.project / release.SCRATCH / "candidate")
    side.set_params("train", model={**side.params()["train"]["model"], "learning_rate": 0.1 + 0.05 * _number(version)})
    with threadpool_limits(1):  # two cores that wait for each other take ten times as long
        train.main(side.folder)
    for name in FILES:
        copy = stand.model(version) / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(side.folder / "artifacts" / name, copy)
        yield md5(copy), copy


def _tag(stand: Stand, side: Workspace, version: str) -> str:
    """The release commit and the tag of a version, as `mlops.releasing.release` makes them."""
    save(side.folder / "MODEL_CARD.md", f"# {version}\n".encode())
    lock = yaml.safe_load(git(side.root, "show", f"{side.tree}:dvc.lock"))
    for out in lock["stages"]["train"]["outs"]:
        if Path(out["path"]).name in FILES:
            out["md5"] = md5(stand.model(version) / Path(out["path"]).name)
    save(side.folder / "dvc.lock", yaml.safe_dump(lock).encode())
    commit = release.release_commit(side, release.message(version, None, version, None, {}))
    return registry.tag(side.root, f"model@{version}", commit, version, None)


def _number(version: str) -> int:
    return registry.order(version)[1]


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def _same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(abs(a - b) <= TOLERANCE for a, b in zip(one, other, strict=True))
