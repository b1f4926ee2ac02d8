"""A commit of main -> a version: train on all rows, meet the champion, make a release commit and its tag.

The release commit is a child of main's commit that adds dvc.lock, metrics and the model card; main never holds it, its
tag alone brings code, data and model back.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mlops import fingerprint, params
from mlops.artifact import read_info
from mlops.challenge import request
from mlops.contract import save
from mlops.judging import experiment, gate, report
from mlops.judging.record import Comparison
from mlops.releasing import commits, registry
from mlops.releasing.objects import Objects
from mlops.releasing.registry import BAD, Bump, Registry
from mlops.workspace import Workspace, git

SCRATCH = ".dvc/tmp/release"
NEEDED = ("model.onnx", "model.json", "train.parquet", "profile.json")
LAST = "evaluate"
MOST_COMMITS = 20
Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Candidate:
    """What main's commit came to: a version to deploy, or none and the reason; `text` is Markdown for people.

    `refused` says that the candidate lost against the champion.
    """

    version: str | None
    text: str
    refused: bool = False


def release(
    root: Path, say: Say, publish: Callable[[Path], object], about: Mapping[str, str], remote: str | None = "origin"
) -> Candidate:
    """Release HEAD, unless it is released already, changes nothing, or loses.

    Parameters
    ----------
    publish
        Brings the objects of the tree in a folder to storage; called before the tag that needs them is there.
    about
        More trailers of the release commit: which pull request it came from, who approved it, in which run.
    """
    known, head = Registry.fetched(root, remote), git(root, "rev-parse", "HEAD")
    candidate = Workspace.lay(root, head, root / SCRATCH / "candidate")
    mark = fingerprint.digest(fingerprint.of(candidate.folder, "train"))
    same = next(
        (v for v in reversed(known.versions) if registry.trailer(root, known.commit(v), "Fingerprint") == mark), None
    )
    if same and known.has(BAD, same):
        return Candidate(None, f"### Nothing to deploy\n\nThis is {same} again, which is marked bad.\n", refused=True)
    if same and git(root, "rev-parse", f"{known.commit(same)}^") == head:
        return Candidate(same, f"### Released already\n\nThis commit is {same}.\n")
    if same and same == known.current("prod"):
        return Candidate(None, f"### Unchanged\n\nNo byte changed that reaches the model {same}: no release.\n")
    if same and same == list(known.versions)[-1]:
        return Candidate(same, f"### Released already\n\nThis is {same}, which isn't in production yet.\n")
    train(candidate, say)
    champion = known.current("prod")
    found = compare(root, champion, known.commit(champion), candidate, say) if champion else None
    if found and not found.decision.accepted:
        return Candidate(None, f"### Not deployed: {champion} stays\n\n{report.render(found)}", refused=True)
    from mlops.releasing import card  # with what it draws on, which those who only fetch have no need of

    def tagged(known: Registry) -> Candidate:
        version = known.next(bump(root, known, candidate, found))
        text = card.describe(version, champion, candidate.folder, found, merged(root, known, champion))
        save(candidate.folder / "MODEL_CARD.md", text.encode())
        publish(candidate.folder)
        commit = release_commit(candidate, message(version, champion, mark, found, about))
        registry.tag(root, f"model@{version}", commit, f"{version}, trained from {head}", remote)
        return Candidate(version, text)

    return registry.raced(root, remote, tagged)


def merged(root: Path, known: Registry, champion: str | None) -> list[str]:
    """Subjects of what was merged since the champion, the newest first: with several in a row, one release has all."""
    since = [f"^{known.commit(champion)}"] if champion else []
    return git(root, "log", "--first-parent", f"-{MOST_COMMITS}", "--format=%h %s", "HEAD", *since).splitlines()


def train(side: Workspace, say: Say) -> None:
    """Every stage anew: neither dvc.lock nor a cache, which a pull request may have written, is believed."""
    side.reproduce_anew(LAST, lambda stage: say("candidate", stage))


def compare(root: Path, version: str, commit: str, candidate: Workspace, say: Say) -> Comparison:
    """The candidate against the champion: two fixed models on the same rows, less what either trained on."""
    import pandas as pd  # here, as most of those who use this module only fetch

    from mlops.judging import judge, sides

    say("candidate", f"compare with {version}")
    champion = fetch(root, commit, root / SCRATCH / "champion")
    source = git(root, "rev-parse", f"{commit}^")
    before = Workspace.lay(root, source, root / SCRATCH / "before")
    facts = experiment.facts_of(experiment.Request(root, source), source, candidate.tree, before, candidate)
    facts = msgspec.structs.replace(facts, changes=msgspec.structs.replace(facts.changes, flagged=[]))  # reviewed
    limits = params.load(candidate.folder)
    test = pd.read_parquet(candidate.folder / "artifacts/test.parquet")
    older, newer = (sides.Trained.load(folder / "artifacts") for folder in (champion, candidate.folder))
    found = judge.judge(older, newer, test, facts, limits.judge)
    return msgspec.structs.replace(found, decision=gate.after_merge(found, limits.deploy.margin))


def fetch(root: Path, commit: str, folder: Path, needed: Collection[str] = NEEDED) -> Path:
    """Artifacts of a release commit, from storage, into `folder`/artifacts; by default what a comparison needs."""
    objects = Objects(root, commit)
    for name, md5 in registry.outputs(root, commit).items():
        if Path(name).name in needed:
            save(folder / name, objects.get(md5))
    return folder


def bump(root: Path, known: Registry, candidate: Workspace, found: Comparison | None) -> Bump:
    """What changed since the newest version: raw inputs are major, code or params minor, data alone patch."""
    if not known.versions or found is None:
        return "minor"
    folders = (root / SCRATCH / "champion", candidate.folder)
    if found.verdict == "incomparable" or len({request(read_info(folder / "artifacts")) for folder in folders}) > 1:
        return "major"
    newest = Workspace.lay(root, f"{list(known.versions.values())[-1]}^", root / SCRATCH / "newest")
    before, after = (fingerprint.of(side.folder, "train") for side in (newest, candidate))
    return "patch" if {name for name in before | after if before.get(name) != after.get(name)} == {"data"} else "minor"


def release_commit(candidate: Workspace, text: str) -> str:
    """A child of the candidate's commit, on no branch."""
    root = candidate.root
    config = git(root, "show", f"{candidate.tree}:.dvc/config").replace("remote = seed", "remote = storage")
    save(candidate.folder / ".dvc/config", (config + "\n").encode())  # where this version's outputs are
    made = commits.tree(candidate, ("dvc.lock", "artifacts/metrics.json", "MODEL_CARD.md", ".dvc/config"))
    return commits.child(root, candidate.tree, made, text)


def message(version: str, champion: str | None, mark: str, found: Comparison | None, about: Mapping[str, str]) -> str:
    """Of the release commit; its last lines are trailers, which `git log` and `lineage` read."""
    verdict = f"{found.verdict}: {'; '.join(found.decision.reasons)}" if found else "the first version"
    trailers = {"Fingerprint": mark, "Champion": champion, "Verdict": found.verdict if found else None, **about}
    lines = [f"{name}: {value}" for name, value in trailers.items() if value]
    return "\n".join([f"Release {version}", "", verdict, "", *lines])
