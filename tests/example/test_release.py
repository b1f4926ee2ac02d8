"""A commit of main becomes a version, or not; two versions of a small project are trained, all else goes by them."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from mlops import fingerprint, trees
from mlops.artifact import read_info
from mlops.contract import BadInput, encode, save
from mlops.judging import submission
from mlops.judging.record import Changes, Comparison, Decision, Side
from mlops.releasing import registry, release, spot, storage
from mlops.releasing.registry import Registry
from mlops.workspace import Workspace
from tests.conftest import Project, clone

pytestmark = pytest.mark.xdist_group("release")  # so that the two are trained once


@dataclass(frozen=True)
class Main(Project):
    """A clone of main."""

    def release(self, *about: tuple[str, str]) -> release.Candidate:
        return release.release(self.root, self.say, lambda tree: storage.send(self.root, tree), dict(about))

    def say(self, side: str, step: str) -> None:
        with (self.root / ".dvc/tmp/said").open("a") as file:
            file.write(f"{side}: {step}\n")

    @property
    def known(self) -> Registry:
        return Registry.fetched(self.root, "origin")

    def put(self, stage: str, version: str) -> None:
        registry.assign(self.root, stage, version, "why")


@pytest.fixture(autouse=True)
def actor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who makes tags and commits."""
    monkeypatch.setenv("GITHUB_ACTOR", "ann")


@pytest.fixture(scope="session")
def released_once(template: Path, tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """A small project whose first version is in production; its origin lies beside it."""
    folder = tmp_path_factory.mktemp("released")
    project = clone(template, folder / "seed", shared)
    project.edit("params.yaml", "sample_rows: null", "sample_rows: 8000")
    project.edit("params.yaml", "trees: 100", "trees: 30")
    project.edit("params.yaml", "sample_rows: 20000", "sample_rows: 2000")
    project.edit("params.yaml", "trainings: 5", "trainings: 2")
    project.commit("Small")
    project.must("git", "switch", "--quiet", "-C", "main")
    project.must("git", "clone", "--quiet", "--bare", ".", str(folder / "origin.git"))
    project.must("git", "clone", "--quiet", str(folder / "origin.git"), str(folder / "main"))
    shutil.copy(folder / "seed/.dvc/config.local", folder / "main/.dvc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTOR", "ann")
        main = Main(folder / "main")
        storage.pull(main.root)
        assert main.release(("Pull-Request", "#7 by ann"), ("Approved-By", "")).version == "v1.0.0"
        main.put("prod", "v1.0.0")
    return folder


@pytest.fixture
def main(released_once: Path, tmp_path: Path) -> Main:
    for name in ("origin.git", "main"):
        shutil.copytree(released_once / name, tmp_path / name, symlinks=True)
    made = Main(tmp_path / "main")
    made.must("git", "remote", "set-url", "origin", str(tmp_path / "origin.git"))
    return made


@pytest.fixture
def trained(released_once: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that comes to what the first version's came to."""

    def train(side: Workspace, say: release.Say) -> None:
        say("candidate", "train")
        made = released_once / "main" / release.SCRATCH / "candidate"
        shutil.copy(made / "dvc.lock", side.folder)
        shutil.copytree(made / "artifacts", side.folder / "artifacts", dirs_exist_ok=True)

    monkeypatch.setattr(release, "train", train)


FEWER = ("params.yaml", "leaves: 31", "leaves: 30")


def changes(main: Main, *edits: tuple[str, str, str]) -> None:
    for edit in edits:
        main.edit(*edit)
    main.commit("A change")


def test_the_release_commit_is_a_child_of_mains_and_holds_what_the_training_wrote(main: Main) -> None:
    commit = main.known.commit("v1.0.0")
    assert main.must("git", "rev-parse", f"{commit}^") == main.must("git", "rev-parse", "main")
    changed = main.must("git", "diff", "--name-only", f"{commit}^", commit).split()
    assert changed == [".dvc/config", "MODEL_CARD.md", "artifacts/metrics.json", "dvc.lock"]
    assert main.must("git", "show", f"{commit}:MODEL_CARD.md").startswith("# Model v1.0.0")
    assert registry.trailer(main.root, commit, "Pull-Request").strip() == "#7 by ann"
    assert registry.trailer(main.root, commit, "Approved-By") == ""
    assert main.must("git", "branch", "--all", "--contains", commit) == ""


def test_a_checkout_of_the_tag_and_a_pull_leave_nothing_to_do(main: Main, tmp_path: Path) -> None:
    """In a fresh clone, which has no cache."""
    main.must("git", "clone", "--quiet", str(tmp_path / "origin.git"), str(tmp_path / "fresh"))
    fresh = Project(tmp_path / "fresh")
    fresh.must("git", "checkout", "--quiet", "model@v1.0.0")
    fresh.must("python", "-m", "pipelines.storage", "pull")
    assert fresh.must("dvc", "status", "--json").strip() == "{}"
    assert fresh.must("git", "status", "--porcelain") == ""
    fresh.edit("params.yaml", "leaves: 31", "leaves: 30")
    assert list(json.loads(fresh.must("dvc", "status", "--json"))) == ["train"]


def test_the_same_commit_again_is_released_already(main: Main) -> None:
    before = main.known
    found = main.release()
    assert (found.version, found.refused) == ("v1.0.0", False)
    assert found.text.startswith("### Released already")
    assert main.known == before


@pytest.mark.usefixtures("trained")
def test_a_forged_release_is_not_believed(main: Main) -> None:
    """Whoever may push can make a child of HEAD with the right trailer, and a model of their own, and tag it."""
    changes(main, FEWER)
    main.must("git", "push", "--quiet", "origin", "main")
    mark = fingerprint.digest(fingerprint.of(main.root, "HEAD", "train"))
    lock = main.must("git", "show", "model@v1.0.0:dvc.lock")
    model = registry.outputs(main.root, main.known.commit("v1.0.0"))["artifacts/model.onnx"]
    own = trees.changed(main.root, "HEAD", {"dvc.lock": trees.blob(main.root, lock.replace(model, "0" * 32))})
    text = f"Release v1.1.0\n\nFingerprint: {mark}"
    forged = main.must("git", "commit-tree", own, "-p", "HEAD", "-m", text).strip()
    main.must("git", "tag", "--annotate", "--message", "mine", "model@v1.1.0", forged)
    main.must("git", "push", "--quiet", "origin", "model@v1.1.0")
    found = main.release()
    assert not found.text.startswith("### Released already")
    assert found.version == "v1.2.0"


def test_a_commit_that_changes_no_byte_of_the_model_releases_nothing(main: Main) -> None:
    changes(main, ("README.md", "# Git runs", "# GIT runs"))
    found = main.release()
    assert (found.version, found.refused) == (None, False)
    assert found.text.startswith("### Unchanged\n\nNo byte changed that reaches the model v1.0.0")


@pytest.mark.usefixtures("trained")
def test_changed_settings_release_a_minor_version_with_its_champion_and_what_was_merged(main: Main) -> None:
    changes(main, ("README.md", "# Git runs", "# GIT runs"))
    changes(main, FEWER)
    found = main.release()
    assert found.version == "v1.1.0", found.text
    commit = main.known.commit("v1.1.0")
    assert registry.trailer(main.root, commit, "Champion").strip() == "v1.0.0"
    assert registry.trailer(main.root, commit, "Verdict").strip() == "inconclusive"
    assert len(re.findall(r"^- \w+ A change$", found.text, re.MULTILINE)) == 2
    assert "uncommitted" not in found.text
    assert "## Against the champion v1.0.0" in found.text


def test_model_and_verdict_of_a_version_are_made_again(main: Main) -> None:
    changes(main, FEWER)
    main.release()
    done = main.step("reproduce", "v1.1.0")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("identical\n")
    assert "\nverdict: inconclusive: " in done.stdout
    commit = main.known.commit("v1.1.0")
    text = main.must("git", "log", "-1", "--format=%B", commit).replace("\n\ninconclusive: ", "\n\nbetter: ")
    forged = main.must("git", "commit-tree", f"{commit}^{{tree}}", "-p", f"{commit}^", "-m", text).strip()
    main.must("git", "tag", "--annotate", "--message", "mine", "model@v1.2.0", forged)
    done = main.step("reproduce", "model@v1.2.0")
    assert (done.returncode, "identical" in done.stdout) == (1, False)
    assert "\nverdict: better: " in done.stdout
    assert "\nverdict, made again: inconclusive: " in done.stdout


@pytest.mark.usefixtures("trained")
def test_a_version_that_never_came_to_production_is_taken_up_again_by_a_later_commit(main: Main) -> None:
    changes(main, FEWER)
    assert main.release().version == "v1.1.0"
    changes(main, ("README.md", "# Git runs", "# GIT runs"))
    found = main.release()
    assert (found.version, found.text.startswith("### Released already")) == ("v1.1.0", True)


def refuse(main: Main) -> Path:
    """A hook of the origin that lets no tag of a version pass."""
    hook = main.root.parent / "origin.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\ngrep -q refs/tags/model@ && echo 'rule violations' >&2 && exit 1\nexit 0\n")
    hook.chmod(0o755)
    return hook


@pytest.fixture
def handed_in(main: Main, tmp_path: Path) -> Path:
    """What the pull request of main's last commit handed in: two trainings on a sample."""
    changes(main, FEWER)
    main.edit("params.yaml", "sample_rows: 8000", "sample_rows: 2000")
    main.edit("params.yaml", "samples: 1", "samples: 2")
    main.must("dvc", "repro", "--pull", "train")
    submission.gather(main.root, tmp_path / "given")
    main.must("git", "checkout", "--quiet", ".")
    return tmp_path / "given"


def test_what_was_judged_is_made_again_after_the_merge(main: Main, handed_in: Path, released_once: Path) -> None:
    head = main.must("git", "rev-parse", "HEAD").strip()
    told = spot.check(main.root, head, head, handed_in, False, main.say)
    assert re.fullmatch(r"training \d of the 2 that were judged, made again: the same predictions", told)
    keys = (handed_in / submission.KEYS).read_bytes()
    (handed_in / submission.KEYS).write_bytes(keys[8:])
    with pytest.raises(BadInput, match="isn't what its code makes: which rows it learnt from"):
        spot.check(main.root, head, head, handed_in, False, main.say)
    (handed_in / submission.KEYS).write_bytes(keys)
    for model in [handed_in / "model.onnx", *(handed_in / "repeats").iterdir()]:
        model.chmod(0o644)
        shutil.copy(released_once / "main" / release.SCRATCH / "candidate/artifacts/model.onnx", model)
    with pytest.raises(BadInput, match="isn't what its code trains: predictions differ by"):
        spot.check(main.root, head, head, handed_in, False, main.say)


def test_a_candidate_whose_submission_was_another_model_is_held(main: Main) -> None:
    changes(main, FEWER)

    def checked() -> str:
        raise BadInput("training 1 that the pull request handed in isn't what its code trains")

    found = release.release(main.root, main.say, lambda _tree: None, {}, spot=checked)
    assert (found.version, found.refused) == (None, True)
    assert found.text.startswith("### Not released: the submission is another model")


@pytest.mark.usefixtures("trained")
def test_a_run_that_failed_between_storage_and_tag_is_done_again(main: Main) -> None:
    changes(main, FEWER)
    hook = refuse(main)
    with pytest.raises(BadInput, match="rule violations"):
        main.release()
    assert "v1.1.0" not in main.known.versions
    assert "v1.1.0" not in Registry.read(main.root).versions
    hook.unlink()
    assert main.release().version == "v1.1.0"


@pytest.mark.usefixtures("trained")
def test_no_tag_is_made_where_the_objects_could_not_be_stored(main: Main) -> None:
    changes(main, FEWER)

    def publish(_tree: Path) -> None:
        raise BadInput("the storage can't be reached")

    with pytest.raises(BadInput, match="the storage can't be reached"):
        release.release(main.root, main.say, publish, {})
    assert list(main.known.versions) == ["v1.0.0"]


@pytest.mark.usefixtures("trained")
def test_a_version_that_was_never_pushed_counts_for_nothing(main: Main) -> None:
    """Such as `nox -s serve` makes."""
    changes(main, FEWER)
    alone = release.release(main.root, main.say, lambda _tree: None, {}, remote=None)
    assert (alone.version, "v1.1.0" in main.known.versions) == ("v1.1.0", False)
    assert main.release().version == "v1.1.0"
    assert "v1.1.0" in main.known.versions


def test_a_candidate_that_loses_makes_no_version_and_says_why(main: Main) -> None:
    """The second of the two trainings."""
    changes(main, ("params.yaml", "learning_rate: 0.3", "learning_rate: 1.0"))
    found = main.release()
    assert (found.version, found.refused) == (None, True)
    assert found.text.startswith("### Not deployed: v1.0.0 stays\n\n### Worse: log loss")
    assert list(main.known.versions) == ["v1.0.0"]


def test_a_training_that_fails_makes_no_version(main: Main) -> None:
    changes(main, ("src/problem/schema.py", "high=23", "high=12"))
    done = main.step("release", "--push")
    assert (done.returncode, "column 'hour'" in done.stderr) == (2, True), done.stderr
    assert list(main.known.versions) == ["v1.0.0"]


def test_a_bad_version_is_never_released_again(main: Main) -> None:
    main.put("bad", "v1.0.0")
    found = main.release()
    assert (found.version, found.refused) == (None, True)
    assert "This is v1.0.0 again, which is marked bad." in found.text
    changes(main, ("README.md", "# Git runs", "# GIT runs"))
    assert main.release().refused


LOST = Comparison(
    version=1, verdict="incomparable", decision=Decision(accepted=True, reasons=[]), changes=Changes(),
    base=Side(commit="a" * 40), head=Side(commit="b" * 40),
)  # fmt: skip
EVEN = msgspec.structs.replace(LOST, verdict="inconclusive")


@pytest.fixture
def candidate(main: Main, released_once: Path):
    """Lays HEAD as a candidate, with the champion's model and description."""

    def lay() -> Workspace:
        made = Workspace.lay(main.root, "HEAD", main.root / release.SCRATCH / "candidate")
        artifacts = released_once / "main" / release.SCRATCH / "candidate/artifacts"
        for folder in (made.folder, main.root / release.SCRATCH / "champion"):
            shutil.copytree(artifacts, folder / "artifacts", dirs_exist_ok=True)
        return made

    return lay


@pytest.mark.parametrize(
    ("edits", "found", "bump"),
    [
        ([FEWER], EVEN, "minor"),
        ([("src/problem/features.py", '"""', '"""Another. ')], EVEN, "minor"),
        ([("data.dvc", "md5: e9b653b7", "md5: e9b653b8")], EVEN, "patch"),
        ([("data.dvc", "md5: e9b653b7", "md5: e9b653b8"), FEWER], EVEN, "minor"),
        ([FEWER], LOST, "major"),
    ],
    ids=["params", "code", "data", "data and params", "incomparable"],
)
def test_what_changed_decides_which_number_is_raised(edits, found, bump, main: Main, candidate) -> None:
    changes(main, *edits)
    assert release.bump(main.root, main.known, candidate(), found) == bump


@pytest.mark.parametrize(
    ("change", "bump"),
    [
        ({"unit": "km"}, "major"),
        ({"missing": True}, "major"),
        ({"roles": ("ignored",)}, "major"),
        ({"high": 1}, "minor"),
    ],
    ids=["unit", "missing", "no input any more", "range"],
)
def test_another_request_is_a_major_version_and_another_range_is_not(change, bump, main: Main, candidate) -> None:
    changes(main, FEWER)
    side = candidate()
    info = read_info(side.folder / "artifacts")
    name = "distance"
    column = msgspec.structs.replace(info.schema.columns[name], **change)
    assert column != info.schema.columns[name]
    schema = msgspec.structs.replace(info.schema, columns=info.schema.columns | {name: column})
    save(side.folder / "artifacts/model.json", encode(msgspec.structs.replace(info, schema=schema)))
    assert release.bump(main.root, main.known, side, EVEN) == bump


def test_the_first_version_needs_nothing_to_compare_with(main: Main, candidate) -> None:
    assert release.bump(main.root, Registry({}, {}), candidate(), None) == "minor"
    assert Registry({}, {}).next("minor") == "v1.0.0"
