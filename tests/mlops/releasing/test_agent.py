"""The agent follows a stage's tag: what it brings, what it refuses, and what heals when it is cut off."""

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlops.challenge import Challenge
from mlops.contract import BadInput, Release, decode, save
from mlops.history import Assignment
from mlops.pointers import relative
from mlops.releasing import agent, messages, promotion, registry, signing
from mlops.releasing.agent import Agent
from mlops.releasing.branch import WRITER
from mlops.releasing.mirror import Mirror
from mlops.releasing.registry import Registry
from mlops.workspace import git
from tests.mlops.releasing.conftest import digest
from tests.mlops.releasing.test_promotion import OPEN
from tests.waiting import eventually


@pytest.fixture
def follower(bea, origin, tmp_path):  # noqa: ARG001 (without whom there is nothing to follow)
    return Agent(str(origin.root), "prod", tmp_path / "releases")


def served(follower):
    """The version that `current` holds, its files checked as the service checks them."""
    folder = follower.releases / "current"
    release = decode(Release, (folder / "release.json").read_bytes(), "release.json")
    assert {name: digest((folder / name).read_bytes()) for name in release.files} == release.files
    return release.version


def test_a_tag_brings_its_version_whole(bea, follower, models):
    assert follower.reconcile() == "v1.0.0"
    assert served(follower) == "v1.0.0"
    release = decode(Release, (follower.releases / "v1.0.0/release.json").read_bytes(), "release.json")
    assert release.commit == bea.git("rev-parse", "model@v1.0.0^{}")
    assert {name: (follower.releases / "v1.0.0" / name).read_bytes() for name in agent.FILES} == models[0]


def test_where_nothing_is_new_nothing_is_fetched_or_written(follower, monkeypatch):
    follower.reconcile()
    before = (follower.releases / "current").lstat().st_ino
    monkeypatch.setattr(Mirror, "_fetch", lambda *_: pytest.fail("fetched"))
    assert follower.reconcile() is None
    assert (follower.releases / "current").lstat().st_ino == before


def test_a_promotion_and_a_rollback_are_followed(bea, follower):
    follower.reconcile()
    for version in ("v1.1.0", "v1.0.0"):
        registry.assign(bea.root, "prod", version, "why")
        assert follower.reconcile() == version
        assert served(follower) == version


def test_once_main_says_who_signs_nothing_else_is_followed(bea, follower, tmp_path, monkeypatch):
    follower.reconcile()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    before = bea.git("for-each-ref", "--format=%(objectname) %(refname:strip=2)", "refs/tags")
    for name, text in ((signing.KNOWN, before), (signing.ALLOWED, f"production {(tmp_path / 'key.pub').read_text()}")):
        save(bea.root / name, text.encode())
    bea.git("add", ".github")
    bea.git("commit", "--quiet", "--message", "who signs")
    bea.git("push", "--quiet", "origin", "HEAD:main")
    bea.git("tag", "--annotate", "--message=by nobody", "model#prod#2", "model@v1.1.0^{}")
    bea.git("push", "--quiet", "origin", "model#prod#2")
    assert follower.reconcile() is None
    monkeypatch.setenv(signing.KEY, (tmp_path / "key").read_text())
    registry.assign(bea.root, "prod", "v1.1.0", "why")
    assert follower.reconcile() == "v1.1.0"
    signed = Registry.read(bea.root).given("prod")
    bea.git("tag", "--force", "--annotate", "--message=by nobody", signed, "model@v1.1.0^{}")
    bea.git("push", "--quiet", "--force", "origin", signed)
    assert follower.reconcile() == "v1.0.0"


def test_tags_of_another_stage_are_not(bea, follower):
    follower.reconcile()
    registry.assign(bea.root, "staging", "v1.1.0", "why")
    assert follower.reconcile() is None
    assert Agent(follower.remote, "staging", follower.releases.with_name("other")).reconcile() == "v1.1.0"


def test_a_stage_without_a_version_is_told(follower):
    empty = Agent(follower.remote, "test", follower.releases)
    with pytest.raises(BadInput, match="has no tag model#test#N: no version was put into this stage yet"):
        empty.reconcile()
    assert empty.served() is None


def lose(origin, md5):
    """Take an object from the storage's branch."""
    rewrite(origin, f"0 {'0' * 40}\t{relative(md5)}")


def damage(origin, md5):
    rewrite(origin, f"100644 {git(origin.root, 'hash-object', '-w', '--stdin', given='other')}\t{relative(md5)}")


def rewrite(origin, line):
    index = {"GIT_INDEX_FILE": str(origin.root / "index.scratch")}
    git(origin.root, "read-tree", "dvc-storage", **index)
    git(origin.root, "update-index", "--index-info", given=f"{line}\n", **index)
    tree = git(origin.root, "write-tree", **index)
    git(origin.root, "update-ref", "refs/heads/dvc-storage", git(origin.root, "commit-tree", tree, "-m", "x", **WRITER))


@pytest.mark.parametrize(("fault", "says"), [(lose, "is missing in"), (damage, "is damaged in")])
def test_a_version_without_its_objects_leaves_the_old_one_and_comes_once_it_is_mended(
    fault, says, bea, follower, origin, models
):
    follower.reconcile()
    whole = origin.git("rev-parse", "dvc-storage")
    fault(origin, digest(models[1]["model.onnx"]))
    registry.assign(bea.root, "prod", "v1.1.0", "why")
    with pytest.raises(BadInput, match=f"object {digest(models[1]['model.onnx'])} {says} the branch dvc-storage"):
        follower.reconcile()
    assert served(follower) == "v1.0.0"
    origin.git("update-ref", "refs/heads/dvc-storage", whole)
    assert follower.reconcile() == "v1.1.0"
    assert served(follower) == "v1.1.0"


def test_a_model_that_does_not_predict_its_golden_rows_is_refused(bea, follower, models):
    follower.reconcile()
    bea.release("v1.2.0", {"model.onnx": models[0]["model.onnx"], "model.json": models[1]["model.json"]})
    registry.assign(bea.root, "prod", "v1.2.0", "why")
    with pytest.raises(BadInput, match=r"doesn't reproduce the golden rows of model\.json"):
        follower.reconcile()
    assert served(follower) == "v1.0.0"
    assert not (follower.releases / "v1.2.0").exists()


def test_a_tag_on_a_commit_that_is_no_release_is_refused(bea, follower):
    follower.reconcile()
    bea.release("v1.2.0", {"other": b"x"})
    registry.assign(bea.root, "prod", "v1.2.0", "why")
    with pytest.raises(BadInput, match=r"names no model\.onnx: it isn't a release commit"):
        follower.reconcile()
    assert served(follower) == "v1.0.0"


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "release.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"], ids=["gone", "empty", "other"])
def test_a_folder_that_lost_something_is_brought_again(name, content, follower):
    follower.reconcile()
    file = follower.releases / "v1.0.0" / name
    file.unlink() if content is None else file.write_bytes(content)
    assert follower.reconcile() == "v1.0.0"
    assert served(follower) == "v1.0.0"


LEFT = [".v1.0.0.part/model.onnx", ".git.part/HEAD", "v1.0.0/model.onnx", ".current.part"]


@pytest.mark.parametrize("left", LEFT)
def test_what_a_killed_agent_left_is_in_nobodys_way(left, follower):
    file = follower.releases / left
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half")
    assert follower.reconcile() == "v1.0.0"
    assert served(follower) == "v1.0.0"
    assert sorted(path.name for path in follower.releases.iterdir()) == [".git", "current", "history.json", "v1.0.0"]


@pytest.mark.parametrize("lock", ["shallow.lock", "config.lock", "refs/tags/model@v1.1.0.lock"])
def test_what_a_killed_git_left_heals_with_the_next_try(lock, bea, follower):
    follower.reconcile()
    (follower.mirror.folder / lock).parent.mkdir(parents=True, exist_ok=True)
    (follower.mirror.folder / lock).touch()
    registry.assign(bea.root, "prod", "v1.1.0", "why")
    with pytest.raises(BadInput, match="File exists"):
        follower.reconcile()
    assert served(follower) == "v1.0.0"
    assert follower.reconcile() == "v1.1.0"


def test_an_agent_that_is_cut_off_at_any_point_goes_on(follower, monkeypatch):
    for place, name in ((Mirror, "_fetch"), (Agent, "_switch"), (Agent, "_prune"), (Mirror, "bring")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, cut_off)
            with pytest.raises(KeyboardInterrupt):
                follower.reconcile()
    assert follower.reconcile() is None
    assert served(follower) == "v1.0.0"


def cut_off(*_):
    raise KeyboardInterrupt


def test_a_remote_that_is_gone_changes_nothing_until_it_is_back(bea, follower, origin):
    follower.reconcile()
    registry.assign(bea.root, "prod", "v1.1.0", "why")
    away = origin.root.rename(origin.root.with_name("away.git"))
    with pytest.raises(BadInput, match="does not appear to be a git repository"):
        follower.reconcile()
    assert served(follower) == "v1.0.0"
    away.rename(origin.root)
    assert follower.reconcile() == "v1.1.0"


def test_the_last_versions_are_kept_and_the_one_that_is_served(bea, follower, models):
    follower.reconcile()
    for number in range(2, 5):
        bea.release(f"v1.{number}.0", models[number % 3])
    for number in range(1, 5):
        registry.assign(bea.root, "prod", f"v1.{number}.0", "why")
        follower.reconcile()
    kept = sorted(path.name for path in follower.releases.glob("v*"))
    assert kept == ["v1.2.0", "v1.3.0", "v1.4.0"]
    registry.assign(bea.root, "prod", "v1.0.0", "why")
    follower.reconcile()
    assert served(follower) == "v1.0.0"
    assert len(list(follower.releases.glob("v*"))) == agent.KEPT


def test_current_is_switched_in_one_step_and_never_absent(follower):
    """Somebody who looks all the time finds one version or the other."""
    follower.reconcile()
    ended, link, seen = threading.Event(), follower.releases / "current", set()

    def both_were_seen():
        for n in range(500):
            follower._switch(f"v1.{n % 2}.0")
        return len(seen) > 1 or looking.done()

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(lambda: [seen.add(link.readlink().name) for _ in iter(ended.is_set, True)])
        try:
            eventually(both_were_seen)
        finally:
            ended.set()
    assert looking.exception() is None
    assert seen == {"v1.0.0", "v1.1.0"}


def test_following_goes_on_after_failures_and_waits_longer_each_time(follower, origin, capsys):
    away, waits = origin.root.rename(origin.root.with_name("away.git")), []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            away.rename(origin.root)

    agent.follow(follower, 10, once=True, sleep=sleep)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["kept", "kept", "kept", "switched"]
    assert (waits, events[-1]["version"]) == ([20, 40, 60], "v1.0.0")


def test_a_clone_is_followed_too(bea, tmp_path):
    """`nox -s serve` follows the work tree's own repository."""
    assert Agent(str(bea.root), "prod", tmp_path / "releases").reconcile() == "v1.0.0"


def test_what_a_git_that_was_killed_left_behind_is_taken_away(bea, follower):
    follower.reconcile()
    registry.assign(bea.root, "prod", "v1.1.0", "why")
    (follower.mirror.folder / "shallow.lock").touch()
    with pytest.raises(BadInput, match=r"shallow\.lock"):
        follower.reconcile()
    assert served(follower) == "v1.0.0"
    assert follower.reconcile() == "v1.1.0"


def test_a_mirror_of_which_half_was_taken_away_is_made_anew(bea, follower):
    follower.reconcile()
    registry.assign(bea.root, "prod", "v1.1.0", "why")
    (follower.mirror.folder / "HEAD").unlink()
    with pytest.raises(OSError, match="not empty"):
        follower.reconcile()
    assert served(follower) == "v1.0.0"
    assert follower.reconcile() == "v1.1.0"


def named(follower):
    """What challenger.json says, its version's files checked as the service checks them."""
    try:
        found = decode(Challenge, (follower.releases / "challenger.json").read_bytes(), "challenger.json")
    except FileNotFoundError:
        return None
    folder = follower.releases / found.version
    release = decode(Release, (folder / "release.json").read_bytes(), "release.json")
    assert {name: digest((folder / name).read_bytes()) for name in release.files} == release.files
    return found


def put_beside(bea, version, mode="shadow", share=1.0):
    wanted = Challenge(version=version, mode=mode, share=share)
    registry.assign(bea.root, "challenger", version, messages.compose(wanted, "why"), anew=True)
    return wanted


def test_a_challenger_comes_beside_production_changes_and_ends(bea, follower):
    wanted = put_beside(bea, "v1.1.0", "split", 0.25)
    assert follower.reconcile() == "v1.0.0"
    assert (served(follower), named(follower)) == ("v1.0.0", wanted)
    wanted = put_beside(bea, "v1.1.0")
    assert follower.reconcile() is None
    assert named(follower) == wanted
    registry.unassign(bea.root, "challenger", "seen enough")
    follower.reconcile()
    assert (served(follower), named(follower)) == ("v1.0.0", None)


def test_a_challenger_that_is_in_production_or_bad_is_none(bea, follower):
    put_beside(bea, "v1.1.0")
    follower.reconcile()
    registry.assign(bea.root, "prod", "v1.1.0", "better")
    assert follower.reconcile() == "v1.1.0"
    assert named(follower) is None
    registry.assign(bea.root, "prod", "v1.0.0", "worse after all")
    follower.reconcile()
    assert named(follower).version == "v1.1.0"
    registry.assign(bea.root, "bad", "v1.1.0", "worse after all")
    follower.reconcile()
    assert named(follower) is None


def test_only_production_has_a_challenger(bea, follower):
    registry.assign(bea.root, "staging", "v1.0.0", "why")
    put_beside(bea, "v1.1.0")
    staging = Agent(follower.remote, "staging", follower.releases)
    staging.reconcile()
    assert named(staging) is None
    assert {one["stage"] for one in told(staging)} == {"staging"}


@pytest.mark.parametrize("fault", [lose, damage])
def test_a_broken_challenger_holds_nothing_up_and_comes_once_it_is_mended(fault, bea, follower, origin, models, capsys):
    bea.release("v1.2.0", models[2])
    put_beside(bea, "v1.1.0")
    follower.reconcile()
    whole = origin.git("rev-parse", "dvc-storage")
    fault(origin, digest(models[2]["model.onnx"]))
    put_beside(bea, "v1.2.0")
    registry.assign(bea.root, "prod", "v1.0.0", "again", anew=True)
    for _ in range(2):
        assert follower.reconcile() is None
    assert named(follower).version == "v1.1.0"
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kept = [event for event in events if event["event"] == "kept"]
    assert [(event["stage"], digest(models[2]["model.onnx"]) in event["reason"]) for event in kept] == [
        ("challenger", True)
    ] * 2
    assert told(follower)[0]["version"] in ("v1.0.0", "v1.2.0")
    registry.assign(bea.root, "prod", "v1.1.0", "meanwhile")
    assert follower.reconcile() == "v1.1.0"
    origin.git("update-ref", "refs/heads/dvc-storage", whole)
    assert follower.reconcile() is None
    assert named(follower).version == "v1.2.0"


def test_a_challenger_whose_tag_says_nonsense_is_told_and_production_follows(bea, follower, capsys):
    registry.assign(bea.root, "challenger", "v1.1.0", "by hand\n\nMode: loud")
    assert follower.reconcile() == "v1.0.0"
    assert named(follower) is None
    assert "tag model#challenger#1: Invalid enum value 'loud'" in capsys.readouterr().out


def test_the_challengers_folder_is_kept(bea, follower, models):
    put_beside(bea, "v1.1.0")
    for number in range(2, 6):
        bea.release(f"v1.{number}.0", models[number % 3])
        follower.reconcile()
        registry.assign(bea.root, "prod", f"v1.{number}.0", "why")
    follower.reconcile()
    kept = sorted(path.name for path in follower.releases.glob("v*"))
    assert kept == ["v1.1.0", "v1.3.0", "v1.4.0", "v1.5.0"]


def told(follower):
    return json.loads((follower.releases / "history.json").read_text())


def test_the_history_is_written_beside_the_releases_and_marks_what_became_bad(bea, follower):
    follower.reconcile()
    promotion.promote(bea.root, "prod", "v1.1.0", OPEN, "approved on Friday")
    follower.reconcile()
    promotion.rollback(bea.root, "prod", None, "too slow", OPEN)
    follower.reconcile()
    assert [(one["stage"], one["number"], one["version"], one["bad"], one["reason"]) for one in told(follower)] == [
        ("prod", 3, "v1.0.0", False, "rollback from v1.1.0: too slow"),
        ("prod", 2, "v1.1.0", True, "approved on Friday"),
        ("prod", 1, "v1.0.0", False, "why"),
    ]
    decode(list[Assignment], (follower.releases / "history.json").read_bytes(), "history.json")
