"""What a promotion and a rollback do with the tags, and what holds or refuses them."""

import pytest

from mlops import params
from mlops.contract import BadInput
from mlops.releasing import promotion, registry
from mlops.releasing.promotion import Door, promote, rollback
from mlops.releasing.registry import Registry


def door(approval="none", labels=(), reviewers=None):
    return Door(params.Deploy(approval=approval, require_labels=list(labels), margin=0, interval=1), reviewers)


OPEN = door()


def current(root, stage="prod"):
    return Registry.fetched(root, "origin").current(stage)


def test_a_version_goes_forward_and_the_tag_says_why(ann, origin):
    assert promote(ann.root, "prod", "v1.0.0", OPEN) == "prod: v1.0.0 (model#prod#1)"
    assert promote(ann.root, "prod", "v1.1.0", OPEN, "approved on Friday") == "prod: v1.1.0 (model#prod#2)"
    subjects = origin.git("tag", "--list", "model#*", "--format=%(subject)").splitlines()
    assert subjects == ["v1.0.0 to prod", "approved on Friday"]


def test_one_that_was_superseded_is_skipped(ann):
    promote(ann.root, "prod", "v1.1.0", OPEN)
    done = promote(ann.root, "prod", "v1.0.0", OPEN)
    assert done == "skipped: prod has v1.1.0 already, which is newer than v1.0.0"
    assert current(ann.root) == "v1.1.0"


def test_a_label_is_set_on_whichever_version(ann):
    promote(ann.root, "compliance", "v1.1.0", OPEN)
    assert promote(ann.root, "compliance", "v1.0.0", OPEN) == "compliance: v1.0.0 (model#compliance#2)"


def test_promoting_again_changes_nothing(ann, origin):
    for _ in range(2):
        assert promote(ann.root, "prod", "v1.0.0", OPEN) == "prod: v1.0.0 (model#prod#1)"
    assert origin.git("tag", "--list", "model#*") == "model#prod#1"


def test_a_challenger_that_is_promoted_is_one_no_more(ann, origin):
    for version in ("v1.0.0", "v1.1.0"):
        registry.assign(ann.root, "challenger", "v1.1.0", "why")
        promote(ann.root, "staging", version, OPEN)
        promote(ann.root, "prod", version, OPEN)
        assert current(ann.root, "challenger") == ("v1.1.0" if version == "v1.0.0" else None)
    promote(ann.root, "prod", "v1.1.0", OPEN)
    said = origin.git("tag", "--list", "model#challenger*", "--format=%(refname:strip=2) %(subject)").splitlines()
    assert said == ["model#challenger!#2 v1.1.0 is the champion", "model#challenger#1 why"]


def test_an_unknown_version_is_refused(ann):
    with pytest.raises(BadInput, match=r"v9\.0\.0: no such version; known: v1\.0\.0"):
        promote(ann.root, "prod", "v9.0.0", OPEN)


def test_a_version_that_others_pushed_meanwhile_is_found(ann, clone):
    bob = clone("bob")
    ann.git("commit", "--quiet", "--allow-empty", "--message", "a change")
    registry.tag(ann.root, "model@v1.3.0", ann.git("rev-parse", "HEAD"), "a version", "origin")
    assert promote(bob.root, "prod", "v1.3.0", OPEN) == "prod: v1.3.0 (model#prod#1)"


def test_a_bad_version_is_never_deployed_again(ann):
    promote(ann.root, "bad", "v1.1.0", OPEN)
    for stage in ("staging", "prod"):
        with pytest.raises(BadInput, match=r"v1\.1\.0 is marked bad"):
            promote(ann.root, stage, "v1.1.0", OPEN)
    assert current(ann.root) is None


@pytest.mark.parametrize(
    ("version", "asked", "why"),
    [
        ("v1.0.0", door(labels=["compliance"]), "v1.0.0 waits for the label 'compliance': `nox -s promote"),
        ("v1.0.0", door("required", reviewers=False), "the environment `production` has no reviewers"),
        ("v1.0.0", door("required"), "the environment `production` has no reviewers"),
        ("v1.2.0", OPEN, "v1.2.0 can't be compared with the champion, so a person must approve"),
    ],
    ids=["label", "reviewers", "nobody knows", "incomparable"],
)
def test_production_is_held_and_staging_is_not(version, asked, why, ann):
    done = promote(ann.root, "prod", version, asked)
    assert done.startswith("held: ")
    assert why in done
    assert current(ann.root) is None
    assert promote(ann.root, "staging", version, asked) == f"staging: {version} (model#staging#1)"


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("v1.0.0", door(labels=["compliance"])),
        ("v1.0.0", door("required", ["compliance"], reviewers=True)),
        ("v1.2.0", door(reviewers=True)),
    ],
    ids=["label", "reviewers", "incomparable"],
)
def test_what_production_waits_for_opens_it(version, asked, ann):
    promote(ann.root, "compliance", version, OPEN)
    assert promote(ann.root, "prod", version, asked) == f"prod: {version} (model#prod#1)"


@pytest.fixture
def live(ann):
    """v1.0.0 and v1.1.0 were put into production."""
    for version in ("v1.0.0", "v1.1.0"):
        promote(ann.root, "prod", version, OPEN)
    return ann


def test_rollback_brings_the_one_before_and_marks_the_one_that_leaves(live, origin):
    done = rollback(live.root, "prod", None, "too slow", OPEN)
    assert done == "prod: v1.0.0 (model#prod#3), back from v1.1.0, which is marked bad: too slow"
    assert (current(live.root), current(live.root, "bad")) == ("v1.0.0", "v1.1.0")
    subjects = origin.git("tag", "--list", "model#bad#1", "model#prod#3", "--format=%(subject)").splitlines()
    assert subjects == ["rolled back: too slow", "rollback from v1.1.0: too slow"]


def test_rollback_to_a_version_by_name_also_to_one_that_was_never_there(live):
    assert rollback(live.root, "prod", "v1.0.0", "why", OPEN).startswith("prod: v1.0.0 (model#prod#3)")
    assert rollback(live.root, "prod", "v1.2.0", "why", door(reviewers=True)).startswith("prod: v1.2.0 (model#prod#4)")
    assert set(Registry.read(live.root).there("bad")) == {"v1.0.0", "v1.1.0"}


@pytest.mark.parametrize("reason", ["", " \n"])
def test_rollback_without_a_reason_is_refused(reason, live):
    with pytest.raises(BadInput, match="a rollback needs a reason"):
        rollback(live.root, "prod", None, reason, OPEN)
    assert current(live.root) == "v1.1.0"


def test_rollback_with_nothing_to_go_back_to_is_refused(ann):
    promote(ann.root, "prod", "v1.0.0", OPEN)
    with pytest.raises(BadInput, match="prod had no other version that isn't marked bad"):
        rollback(ann.root, "prod", None, "why", OPEN)
    assert (current(ann.root), current(ann.root, "bad")) == ("v1.0.0", None)


def test_rollback_to_a_bad_version_is_refused(live):
    rollback(live.root, "prod", None, "why", OPEN)
    with pytest.raises(BadInput, match=r"v1\.1\.0 is marked bad"):
        rollback(live.root, "prod", "v1.1.0", "why not", OPEN)


def test_rollback_to_what_is_there_marks_nothing(live):
    assert rollback(live.root, "prod", "v1.1.0", "why", OPEN) == "prod: v1.1.0 is there already"
    assert current(live.root, "bad") is None


@pytest.mark.parametrize("asked", [door("required", reviewers=False), door(labels=["compliance"])])
def test_rollback_passes_the_same_door_as_a_deployment(asked, live):
    assert rollback(live.root, "prod", None, "why", asked).startswith("held: ")
    assert (current(live.root), current(live.root, "bad")) == ("v1.1.0", None)


def test_rollback_that_was_cut_off_goes_on_when_it_is_started_again(live, monkeypatch):
    """Between its two tags, as a killed job would be."""
    with monkeypatch.context() as patch:
        patch.setattr(promotion.registry, "assign", cut_off)
        with pytest.raises(KeyboardInterrupt):
            rollback(live.root, "prod", None, "why", OPEN)
    assert (current(live.root), current(live.root, "bad")) == ("v1.1.0", "v1.1.0")
    rollback(live.root, "prod", None, "why", OPEN)
    assert (current(live.root), current(live.root, "bad")) == ("v1.0.0", "v1.1.0")
    assert len(Registry.read(live.root).stages["bad"]) == 1


ASSIGN = registry.assign


def cut_off(root, stage, *words):
    if stage != "bad":
        raise KeyboardInterrupt
    return ASSIGN(root, stage, *words)
