"""Who may challenge the champion, what the tag says of it, and how it ends."""

import runpy
import sys
from datetime import UTC, datetime

import msgspec
import pytest

from mlops.challenge import Challenge
from mlops.contract import BadInput, ModelInfo, decode, encode
from mlops.releasing import challenge, messages, registry
from mlops.releasing.registry import Registry
from tests.conftest import ROOT
from tests.mlops.releasing.test_promotion import OPEN, door

SHADOW = Challenge(version="v1.1.0")
SPLIT = Challenge(version="v1.1.0", mode="split", share=0.1)


def now(clone):
    """The challenger as any clone reads it."""
    known = Registry.fetched(clone.root, "origin")
    return messages.challenge(clone.root, known, known.current("prod"))


def test_a_version_challenges_and_the_tag_says_how_and_why(bea, origin):
    done = challenge.begin(bea.root, SPLIT, OPEN, "is it better\nin winter?")
    assert done == "challenger: v1.1.0 in split, 10% of the rows of v1.0.0 (model#challenger#1)"
    assert now(bea) == SPLIT
    said = origin.git("tag", "--list", "model#challenger#1", "--format=%(contents)")
    assert said.strip() == "is it better\nin winter?\n\nMode: split\nShare: 0.1"


def test_another_mode_is_one_more_tag_and_the_same_again_is_none(bea):
    tags = [challenge.begin(bea.root, wanted, OPEN) for wanted in (SHADOW, SHADOW, SPLIT, SHADOW)]
    assert [tag.partition("#")[2] for tag in tags] == [
        "challenger#1)",
        "challenger#1)",
        "challenger#2)",
        "challenger#3)",
    ]
    assert now(bea) == SHADOW


@pytest.mark.parametrize("reason", ["", "why\n\nMode: split\nShare: 1"])
def test_no_reason_can_pass_for_a_mode(reason, bea):
    challenge.begin(bea.root, SHADOW, OPEN, reason)
    assert now(bea) == SHADOW


def test_it_ends_by_a_tag_and_may_begin_again(bea, origin):
    assert challenge.end(bea.root) == "there is no challenger"
    challenge.begin(bea.root, SHADOW, OPEN)
    assert challenge.end(bea.root, "seen enough") == "challenger: v1.1.0 no more (model#challenger!#2)"
    assert now(bea) is None
    assert origin.git("tag", "--list", "model#challenger!#2", "--format=%(subject)") == "seen enough"
    assert challenge.begin(bea.root, SHADOW, OPEN).endswith("(model#challenger#3)")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Challenge(version="v9.0.0"), r"v9\.0\.0: no such version; known: v1\.0\.0, v1\.1\.0"),
        (Challenge(version="v1.0.0"), r"v1\.0\.0 has nobody to challenge: in prod is v1\.0\.0"),
        *(
            (Challenge(version="v1.1.0", mode="split", share=share), "--share .*: expected more than 0, and 1 at most")
            for share in (0, -0.1, 1.1, float("nan"))
        ),
    ],
)
def test_what_can_not_challenge_is_refused(wanted, why, bea):
    with pytest.raises(BadInput, match=why):
        challenge.begin(bea.root, wanted, OPEN)
    assert now(bea) is None


def test_a_bad_version_is_refused_and_one_that_became_bad_is_challenger_no_more(bea):
    challenge.begin(bea.root, SHADOW, OPEN)
    registry.assign(bea.root, "bad", "v1.1.0", "why")
    assert now(bea) is None
    with pytest.raises(BadInput, match=r"v1\.1\.0 is marked bad, and never answers again"):
        challenge.begin(bea.root, SPLIT, OPEN)


def test_without_a_champion_nobody_challenges(ann):
    with pytest.raises(BadInput, match="has nobody to challenge: in prod is no version yet"):
        challenge.begin(ann.root, SHADOW, OPEN)


def changed(models, **columns):
    """The second model with other columns in its schema."""
    info = decode(ModelInfo, models[1]["model.json"], "model.json")
    schema = msgspec.structs.replace(info.schema, columns=info.schema.columns | columns)
    return {**models[1], "model.json": encode(msgspec.structs.replace(info, schema=schema))}


@pytest.mark.parametrize("change", [{"unit": "knots"}, {"missing": False}])
def test_a_version_with_other_raw_inputs_is_refused(change, bea, models):
    info = decode(ModelInfo, models[1]["model.json"], "model.json")
    bea.release("v2.0.0", changed(models, wind=msgspec.structs.replace(info.schema.columns["wind"], **change)))
    with pytest.raises(BadInput, match=r"v2\.0\.0 .* requests of v1\.0\.0: it takes other raw inputs .*: wind"):
        challenge.begin(bea.root, Challenge(version="v2.0.0"), OPEN)


def test_a_version_with_other_classes_is_refused(bea, models):
    info = decode(ModelInfo, models[1]["model.json"], "model.json")
    bea.release("v2.0.0", {**models[1], "model.json": encode(msgspec.structs.replace(info, classes=[1, 0]))})
    with pytest.raises(BadInput, match=r"its classes: \[1, 0\], but the champion's: \[0, 1\]"):
        challenge.begin(bea.root, Challenge(version="v2.0.0"), OPEN)


def test_who_answers_people_passes_the_same_door_as_production_and_a_shadow_does_not(bea):
    shut = door("required", reviewers=False)
    assert challenge.begin(bea.root, SPLIT, shut).startswith("held: deploy.approval is `required`")
    assert now(bea) is None
    assert challenge.begin(bea.root, SHADOW, shut).startswith("challenger: v1.1.0 in shadow")
    assert challenge.begin(bea.root, SPLIT, door("required", reviewers=True)).startswith("challenger: v1.1.0 in split")


def test_a_tag_of_gto_alone_is_a_shadow_and_one_that_says_nonsense_is_named(bea):
    registry.assign(bea.root, "challenger", "v1.1.0", "by hand")
    assert now(bea) == SHADOW
    registry.assign(bea.root, "challenger", "v1.1.0", "by hand\n\nMode: spilt\nShare: 7", anew=True)
    with pytest.raises(BadInput, match=r"tag model#challenger#2: .*; make it anew"):
        now(bea)
    assert challenge.begin(bea.root, SPLIT, OPEN).endswith("(model#challenger#3)")


def test_history_tells_who_put_what_where_and_why(bea):
    challenge.begin(bea.root, SPLIT, OPEN, "in winter?\n\nand more")
    challenge.end(bea.root, "seen\tenough")
    registry.assign(bea.root, "staging", "v1.1.0", "not asked for")
    registry.assign(bea.root, "bad", "v1.1.0", "too slow")
    known = Registry.read(bea.root)
    found = messages.history(bea.root, known, ("prod", "challenger"))
    assert sorted((one.stage, one.number, one.version, one.reason, one.ended, one.bad) for one in found) == [
        ("challenger", 1, "v1.1.0", "in winter?", False, True),
        ("challenger", 2, "v1.1.0", "seen\tenough", True, True),
        ("prod", 1, "v1.0.0", "why", False, False),
    ]
    assert {one.by for one in found} == {"ann"}
    assert all(abs((datetime.now(UTC) - one.at).total_seconds()) < 3600 for one in found)
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)


def test_history_has_the_newest_twenty(bea):
    for number in range(25):
        registry.assign(bea.root, "prod", f"v1.{(number + 1) % 2}.0", str(number), remote=None)
    found = messages.history(bea.root, Registry.read(bea.root), ("prod",))
    assert [one.number for one in found] == list(range(26, 6, -1))


@pytest.fixture
def run(bea, monkeypatch, capsys):
    """Runs a step as people and workflows do; what it says."""
    (bea.root / "params.yaml").symlink_to(ROOT / "params.yaml")
    monkeypatch.chdir(bea.root)
    monkeypatch.delenv("STORE_URL", raising=False)

    def step(*words):
        monkeypatch.delitem(sys.modules, words[0], raising=False)
        monkeypatch.setattr(sys, "argv", list(words))
        try:
            runpy.run_module(words[0], run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                raise
        return capsys.readouterr().out

    return step


def test_a_challenger_from_its_beginning_to_its_promotion(run, bea, monkeypatch):
    assert run("pipelines.challenge") == "there is no challenger\n"
    assert "model#challenger#1" in run("pipelines.challenge", "v1.1.0", "--mode", "split", "--share=", "--push")
    assert now(bea) == SPLIT
    shown = run("pipelines.challenge")
    assert shown == "challenger: v1.1.0 in split, 10% of the rows of v1.0.0; set STORE_URL to see how it does\n"
    with monkeypatch.context() as patch:
        patch.setenv("STORE_URL", f"sqlite:///{bea.root}/store.db")
        compared = run("pipelines.challenge")
    assert compared == "Challenger v1.1.0 in split: not enough to compare, 0 outcomes in 0 blocks of days.\n"
    assert run("pipelines.challenge", "--end", "--reason", "seen enough", "--push").endswith("!#2)\n")
    run("pipelines.challenge", "v1.1.0", "--push")
    assert now(bea) == SHADOW
    assert run("pipelines.promote", "v1.1.0", "--push") == "prod: v1.1.0 (model#prod#2)\n"
    assert now(bea) is None
    assert run("pipelines.promote", "staging", "--push", "v1.1.0") == "staging: v1.1.0 (model#staging#1)\n"


def test_a_fault_of_the_command_line_is_told_and_writes_no_tag(run, bea):
    with pytest.raises(BadInput, match=r"--share 1\.5: expected more than 0, and 1 at most"):
        run("pipelines.challenge", "v1.1.0", "--mode=split", "--share=1.5", "--push")
    for words in (("--mode=loud",), ("--share=some",)):
        with pytest.raises(SystemExit):
            run("pipelines.challenge", "v1.1.0", *words)
    assert now(bea) is None
