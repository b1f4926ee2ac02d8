"""A commit of main -> a version: train on all rows, meet the champion, make a release commit and its tag.

The release commit is a child of main's commit that adds dvc.lock, metrics and the model card; main never holds it, its
tag alone brings code, data and model back.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mlops import fingerprint, params, pointers, trees
from mlops.artifact import read_info
from mlops.challenge import request
from mlops.console import Say
from mlops.contract import BadInput, save
from mlops.judging import gate, report, trial
from mlops.judging.record import Comparison
from mlops.objects import Objects
from mlops.releasing import commits, registry, rights, signing
from mlops.releasing.registry import BAD, Bump, Registry
from mlops.workspace import Workspace, git

SCRATCH, DATA = ".dvc/tmp/release", "data.dvc"
NEEDED = ("model.onnx", "model.json", "train.parquet", "profile.json")
MODEL, LAST = ("artifacts/model.onnx", "artifacts/model.json"), "evaluate"
MOST_COMMITS = 20


@dataclass(frozen=True)
class Candidate:
    """What main's commit came to: a version to deploy, or none and the reason; `text` is Markdown for people.

    `refused` says that the candidate lost against the champion; `model` is where the version's was trained just now.
    """

    version: str | None
    text: str
    refused: bool = False
    model: Path | None = None


def release(
    root: Path,
    say: Say,
    publish: Callable[[Path], object],
    about: Mapping[str, str],
    remote: str | None = "origin",
    spot: Callable[[], str] = str,
) -> Candidate:
    """Release HEAD, unless it is released already, changes nothing, or loses.

    Parameters
    ----------
    publish
        Brings the objects of the tree in a folder to storage; called before the tag that needs them is there.
    about
        More trailers of the release commit: which pull request it came from, who approved it, in which run.
    spot
        Makes again what was judged, see `mlops.releasing.spot`; what came of it, in words.
    """
    known, head = Registry.fetched(root, remote), git(root, "rev-parse", "HEAD")
    candidate = Workspace.lay(root, head, root / SCRATCH / "candidate")
    mark = fingerprint.digest(fingerprint.of(root, head, "train"))
    before = _before(root, known, candidate, mark, say)
    if before:
        return before
    try:
        checked = spot()
    except BadInput as error:
        return Candidate(None, f"### Not released: the submission is another model\n\n{error}\n", refused=True)
    champion = known.current("prod")
    found = compare(root, champion, known.commit(champion), candidate, say) if champion else None
    if found and not found.decision.accepted:
        return Candidate(None, f"### Not deployed: {champion} stays\n\n{report.render(found)}", refused=True)
    from mlops.releasing import card  # with what it draws on, which those who only fetch have no need of

    def tagged(known: Registry) -> Candidate:
        version = known.next(bump(root, known, candidate, found))
        text = card.describe(version, champion, candidate.folder, found, merged(root, known, champion))
        save(candidate.folder / "MODEL_CARD.md", text.encode())
        rights.check(root, [head], remote, "start deploy.yml again, which takes the newest commit")
        publish(candidate.folder)
        commit = release_commit(candidate, message(version, champion, mark, found, about))
        registry.tag(root, f"model@{version}", commit, proof(root, version, commit, found, about), remote)
        made = candidate.folder / "artifacts/model.onnx"
        return Candidate(version, f"{text}\nSpot check: {checked}.\n" if checked else text, model=made)

    return registry.raced(root, remote, tagged)


def _before(root: Path, known: Registry, candidate: Workspace, mark: str, say: Say) -> Candidate | None:
    """What to say of a candidate that is a version already; None where it is to be released, and trained by then."""
    same = next(
        (v for v in reversed(known.versions) if registry.trailer(root, known.commit(v), "Fingerprint") == mark), None
    )
    if same and known.has(BAD, same):
        return Candidate(None, f"### Nothing to deploy\n\nThis is {same} again, which is marked bad.\n", refused=True)
    proven = signing.Signers.of(root) is not None  # else whoever may push could have written that trailer
    if not (same and proven):
        train(candidate, say)
        same = same if same and made_again(root, known.commit(same), candidate) else None
    if same is None:
        return None
    if git(root, "rev-parse", f"{known.commit(same)}^") == candidate.tree:
        return Candidate(same, f"### Released already\n\nThis commit is {same}.\n")
    if same == known.current("prod"):
        return Candidate(None, f"### Unchanged\n\nNo byte changed that reaches the model {same}: no release.\n")
    if same == list(known.versions)[-1]:
        return Candidate(same, f"### Released already\n\nThis is {same}, which isn't in production yet.\n")
    if proven:
        train(candidate, say)
    return None


def made_again(root: Path, commit: str, candidate: Workspace) -> bool:
    """Is the model of a release commit, byte for byte, what was trained here?"""
    made = pointers.made((candidate.folder / "dvc.lock").read_bytes())
    try:
        claimed = registry.outputs(root, commit)
    except BadInput:  # whoever may push may have made that commit
        return False
    return all(claimed.get(name) == made[name] for name in MODEL)


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
    facts = trial.facts_of(trial.Case(root, source, candidate.tree, candidate.tree))
    facts = msgspec.structs.replace(facts, changes=msgspec.structs.replace(facts.changes, flagged=[]))  # reviewed
    limits = params.load(candidate.folder)
    test = pd.read_parquet(candidate.folder / "artifacts/test.parquet")
    older, newer = (sides.Trained.load(folder / "artifacts") for folder in (champion, candidate.folder))
    found = judge.judge(older, newer, test, facts, limits.judge)
    return msgspec.structs.replace(found, decision=gate.after_merge(found, limits.deploy.margin))


def judged_again(root: Path, version: str, made: Workspace, say: Say) -> tuple[str, str]:
    """What a version's commit says of its verdict, and what the same comparison of what was `made` again comes to."""
    known = Registry.read(root)
    said = git(root, "log", "-1", "--format=%b", known.commit(version)).split("\n")[0]
    champion = registry.trailer(root, known.commit(version), "Champion")
    return said, verdict(compare(root, champion, known.commit(champion), made, say) if champion else None)


def verdict(found: Comparison | None) -> str:
    """In a line; None is the first version, which had nobody to meet."""
    return f"{found.verdict}: {'; '.join(found.decision.reasons)}" if found else "the first version"


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
    newest = f"{list(known.versions.values())[-1]}^"
    before, after = (fingerprint.of(root, tree, "train") for tree in (newest, candidate.tree))
    return "patch" if {name for name in before | after if before.get(name) != after.get(name)} == {"data"} else "minor"


def release_commit(candidate: Workspace, text: str) -> str:
    """A child of the candidate's commit, on no branch."""
    root = candidate.root
    config = git(root, "show", f"{candidate.tree}:.dvc/config").replace("remote = seed", "remote = storage")
    save(candidate.folder / ".dvc/config", (config + "\n").encode())  # where this version's outputs are
    made = commits.tree(candidate, ("dvc.lock", "artifacts/metrics.json", "MODEL_CARD.md", ".dvc/config"))
    return commits.child(root, candidate.tree, made, text)


def proof(root: Path, version: str, commit: str, found: Comparison | None, about: Mapping[str, str]) -> str:
    """Of the tag, which may be signed: data and model by their MD5s, the verdict, and who approved it."""
    data = trees.contents(root, commit, [DATA])[DATA]
    said = {
        "Data": pointers.of_folder(data, "data"),
        "Model": registry.outputs(root, commit)["artifacts/model.onnx"],
        "Verdict": found.verdict if found else "the first version",
        "Approved-By": about.get("Approved-By", ""),
    }
    lines = "\n".join(f"{name}: {value}" for name, value in said.items() if value)
    return f"{version}, trained from {git(root, 'rev-parse', f'{commit}^')}\n\n{lines}"


def message(version: str, champion: str | None, mark: str, found: Comparison | None, about: Mapping[str, str]) -> str:
    """Of the release commit; its last lines are trailers, which `git log` and `lineage` read."""
    trailers = {"Fingerprint": mark, "Champion": champion, "Verdict": found.verdict if found else None, **about}
    lines = [f"{name}: {value}" for name, value in trailers.items() if value]
    return "\n".join([f"Release {version}", "", verdict(found), "", *lines])
