"""What a promotion and a rollback do with the tags, and what holds or refuses them."""

import pytest

from mlops import params
from mlops.adopting import parts
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


@pytest.mark.parametrize("reason", ["", "approved on Friday"])
def test_a_person_lets_in_what_cannot_be_compared_and_the_tag_says_why(reason, ann, origin):
    """Where the plan has no reviewers. It goes around nothing else."""
    accepted = Door(OPEN.limits, reviewers=None, accepts="new target, agreed in #12")
    assert promote(ann.root, "prod", "v1.2.0", accepted, reason) == "prod: v1.2.0 (model#prod#1)"
    said = origin.git("tag", "--list", "model#prod#1", "--format=%(subject)")
    why = "though it can't be compared with the champion: new target, agreed in #12"
    assert said == f"{reason or 'v1.2.0 to prod'}, {why}"


@pytest.mark.parametrize("limits", [door("required"), door(labels=["compliance"])])
def test_who_accepts_that_opens_no_other_door(limits, ann):
    accepted = Door(limits.limits, reviewers=None, accepts="it is fine")
    assert promote(ann.root, "prod", "v1.2.0", accepted).startswith("held: ")
    assert promote(ann.root, "prod", "v1.2.0", Door(OPEN.limits, None, accepts=" \n")).startswith("held: ")


def test_the_tag_of_one_that_can_be_compared_says_nothing_of_it(ann, origin):
    promote(ann.root, "prod", "v1.0.0", Door(OPEN.limits, reviewers=None, accepts="to be sure"))
    assert origin.git("tag", "--list", "model#prod#1", "--format=%(subject)") == "v1.0.0 to prod"


CLOSED = Door(OPEN.limits, reviewers=None, example=False)


def test_the_example_goes_no_further_than_staging(ann):
    done = promote(ann.root, "prod", "v1.0.0", CLOSED)
    assert done.startswith("held: v1.0.0 is the template's example, which goes no further than staging. `nox -s adopt")
    assert "DEPLOY_EXAMPLE to `true`" in done
    assert current(ann.root) is None
    assert promote(ann.root, "staging", "v1.0.0", CLOSED) == "staging: v1.0.0 (model#staging#1)"
    assert promotion.waits(ann.root, "v1.0.0", CLOSED, Registry.read(ann.root)) == done
    assert promotion.waits(ann.root, "v1.0.0", OPEN, Registry.read(ann.root)) is None


@pytest.mark.parametrize("data", ["a folder", "no list", "none"])
def test_data_of_ones_own_goes_on(data, ann):
    if data == "a folder":
        ann.add({"b.csv": b"own"})
    elif data == "no list":
        (ann.root / "data.dvc").write_text("outs:\n- md5: " + "0" * 32 + "\n  path: data.csv\n")
    else:
        (ann.root / "data.dvc").unlink()
    ann.commit("Data of our own")
    registry.tag(ann.root, "model@v1.3.0", ann.git("rev-parse", "HEAD"), "v1.3.0", "origin")
    assert promote(ann.root, "prod", "v1.3.0", CLOSED) == "prod: v1.3.0 (model#prod#1)"


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


@pytest.mark.parametrize("version", [None, "v1.0.0"])
def test_rollback_that_was_cut_off_has_put_the_version_back_and_goes_on_when_it_is_started_again(
    version, live, monkeypatch
):
    """Between its two tags, as a killed job would be. Started again it must not go back to the one that left."""
    with monkeypatch.context() as patch:
        patch.setattr(promotion.registry, "assign", cut_off)
        with pytest.raises(KeyboardInterrupt):
            rollback(live.root, "prod", version, "why", OPEN)
    assert (current(live.root), current(live.root, "bad")) == ("v1.0.0", None)
    done = rollback(live.root, "prod", version, "why", OPEN)
    assert done == "prod: v1.0.0 is there already, and v1.1.0 before it is marked bad now: why"
    assert (current(live.root), current(live.root, "bad")) == ("v1.0.0", "v1.1.0")
    assert len(Registry.read(live.root).stages["bad"]) == 1


def test_rollback_further_back_after_one_that_was_cut_off_marks_both(live, monkeypatch):
    promote(live.root, "prod", "v1.2.0", door(reviewers=True))
    with monkeypatch.context() as patch:
        patch.setattr(promotion.registry, "assign", cut_off)
        with pytest.raises(KeyboardInterrupt):
            rollback(live.root, "prod", None, "why", OPEN)
    assert rollback(live.root, "prod", "v1.0.0", "why", OPEN).startswith(
        "prod: v1.0.0 (model#prod#5), back from v1.1.0"
    )
    assert set(Registry.read(live.root).there("bad")) == {"v1.1.0", "v1.2.0"}


def test_a_rollback_that_was_cut_off_lets_the_one_that_left_not_come_back(live, monkeypatch):
    """As the next push to main would bring it, whose version it still is."""
    with monkeypatch.context() as patch:
        patch.setattr(promotion.registry, "assign", cut_off)
        with pytest.raises(KeyboardInterrupt):
            rollback(live.root, "prod", None, "why", OPEN)
    done = promote(live.root, "prod", "v1.1.0", OPEN)
    assert done == "held: v1.1.0 was rolled back by a run that was cut off: start rollback.yml again, to mark it bad"
    assert current(live.root) == "v1.0.0"


def test_rollback_to_one_that_was_let_in_before_asks_nobody_again(live):
    promote(live.root, "prod", "v1.2.0", Door(OPEN.limits, reviewers=None, accepts="a new target"))
    live.git("commit", "--quiet", "--allow-empty", "--message", "next")
    registry.tag(live.root, "model@v1.3.0", live.git("rev-parse", "HEAD"), "v1.3.0", "origin")
    promote(live.root, "prod", "v1.3.0", OPEN)
    assert rollback(live.root, "prod", None, "why", OPEN).startswith("prod: v1.2.0 (model#prod#5), back from v1.3.0")


def test_rollback_while_another_version_came_changes_nothing(live, monkeypatch):
    """A deployment ends between what the rollback saw and what it does."""

    def late(root, *words, **options):
        monkeypatch.undo()
        monkeypatch.setenv("GITHUB_ACTOR", "ann")
        promote(root, "prod", "v1.2.0", door(reviewers=True))
        return ASSIGN(root, *words, **options)

    monkeypatch.setattr(promotion.registry, "assign", late)
    with pytest.raises(BadInput, match=r"prod has v1\.2\.0 by now, not v1\.1\.0: nothing was changed; look, and start"):
        rollback(live.root, "prod", None, "why", OPEN)
    assert (current(live.root), current(live.root, "bad")) == ("v1.2.0", None)


ASSIGN = registry.assign


def cut_off(root, stage, *words, **options):
    if stage == "bad":
        raise KeyboardInterrupt
    return ASSIGN(root, stage, *words, **options)


@pytest.fixture
def moved(live, monkeypatch):
    """A job without a deploy key, after Dependabot has changed main's workflows twice."""
    workflow = live.root / ".github/workflows/deploy.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("on: push\n")
    live.commit("Raise an action")
    live.git("push", "--quiet", "origin", "HEAD:main")
    for version in ("v2.0.0", "v2.1.0"):
        live.git("commit", "--quiet", "--allow-empty", "--message", version)
        registry.tag(live.root, f"model@{version}", live.git("rev-parse", "HEAD"), version, "origin")
        promote(live.root, "prod", version, OPEN)
    workflow.write_text("on: [push]\n")
    live.commit("Raise it again")
    live.git("push", "--quiet", "origin", "HEAD:main")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("SIGNING_KEY", raising=False)
    return live


@pytest.mark.parametrize(
    ("act", "way"),
    [
        (lambda root: promote(root, "staging", "v2.0.0", OPEN), "`nox -s promote` on a laptop"),
        (lambda root: rollback(root, "prod", None, "why", OPEN), "`nox -s rollback` on a laptop"),
        (
            lambda root: rollback(root, "prod", "v1.0.0", "why", OPEN),
            "`nox -s rollback` on a laptop",
        ),
    ],
)
def test_what_github_would_refuse_a_job_is_said_before_anything_is_pushed(act, way, moved, origin):
    before = origin.git("tag")
    with pytest.raises(BadInput, match="nothing was pushed: no branch has the workflow files of ") as said:
        act(moved.root)
    assert str(said.value).endswith(f"`nox -s settings -- --apply` makes a deploy key, which may; {OTHERWISE}{way}")
    assert origin.git("tag") == before


OTHERWISE = "where an organisation forbids those, "


def test_a_version_whose_workflow_files_a_branch_still_has_is_pushed(moved, origin):
    origin.git("branch", "kept", "model@v2.0.0^{commit}")
    assert promote(moved.root, "staging", "v2.1.0", OPEN) == "staging: v2.1.0 (model#staging#1)"


def test_a_version_without_workflow_files_is_pushed(moved):
    assert promote(moved.root, "staging", "v1.2.0", OPEN) == "staging: v1.2.0 (model#staging#1)"


@pytest.mark.parametrize("who", ["a job with a deploy key", "a person"])
def test_who_may_push_workflow_files_pushes(who, moved, monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS") if who == "a person" else monkeypatch.setenv("SIGNING_KEY", KEY)
    assert promote(moved.root, "staging", "v2.0.0", OPEN) == "staging: v2.0.0 (model#staging#1)"


KEY = parts._pair()[1]
