"""Versions and stages as tags: what this reads of them, and what GTO does."""

import json
import multiprocessing
import random
import subprocess
from functools import partial

import pytest
from gto import api as gto_api

from mlops.contract import BadInput
from mlops.releasing import registry
from mlops.releasing.registry import Registry
from mlops.workspace import git
from tests.conftest import ENVIRONMENT

WHO = {f"GIT_{role}_{key}": "x@example.com" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}

TAGS = {
    "model@v1.10.0": "c", "model@v1.9.0": "b", "model@v1.2.0": "a",
    "model#prod#1": "a", "model#prod#2": "b", "model#prod#10": "c", "model#prod#9": "a",
}  # fmt: skip


def test_versions_and_assignments_sort_as_numbers():
    known = Registry.of(TAGS)
    assert list(known.versions) == ["v1.2.0", "v1.9.0", "v1.10.0"]
    assert known.current("prod") == "v1.10.0"
    assert known.next("patch") == "v1.10.1"


def test_tags_of_something_else_are_left_aside():
    known = Registry.of({"v3": "a", "model@v1": "a", "other@v1.0.0": "a", "model#prod#x": "a", "model#prod#1": "a"})
    assert known == Registry({}, {})
    assert (known.current("prod"), known.previous("prod"), known.next("minor")) == (None, None, "v1.0.0")


def test_no_name_of_another_ref_confuses_what_is_listed(tmp_path):
    """Git's patterns match the ends of names, and git allows what Python takes for the end of a line."""
    git(tmp_path, "init", "--quiet")
    commit = git(tmp_path, "commit-tree", git(tmp_path, "mktree", given=""), "-m", "x", **WHO)
    others = ("heads/x/refs/tags/model@v9.0.0", "tags/model@v2.0.0\u2028x", "tags/model@v3.0.0\u00a0")
    for ref in ("tags/model@v1.0.0", *others):
        git(tmp_path, "update-ref", f"refs/{ref}", commit)
    assert registry.listed(tmp_path, ".") == {"model@v1.0.0": (commit,)}
    assert Registry.read(tmp_path).versions == {"v1.0.0": commit}


@pytest.mark.parametrize(("bump", "after"), [("major", "v2.0.0"), ("minor", "v1.11.0"), ("patch", "v1.10.1")])
def test_bump_counts_on_from_the_newest(bump, after):
    assert Registry.of(TAGS).next(bump) == after


@pytest.mark.parametrize(
    ("bad", "previous"),
    [({}, "v1.2.0"), ({"model#bad#1": "a"}, "v1.9.0"), ({"model#bad#1": "a", "model#bad#2": "b"}, None)],
)
def test_the_previous_version_is_the_last_other_one_that_is_not_bad(bad, previous):
    assert Registry.of(TAGS | bad).previous("prod") == previous


def test_a_label_stays_on_a_version_though_another_got_it_since():
    known = Registry.of(TAGS | {"model#compliance#1": "a", "model#compliance#2": "c"})
    assert (known.has("compliance", "v1.2.0"), known.has("compliance", "v1.9.0")) == (True, False)


@pytest.mark.parametrize(
    ("more", "current", "tags"),
    [
        ({}, "v1.9.0", ["#2", "#1"]),
        ({"model#challenger!#3": "b"}, "v1.10.0", ["!#3", "#2", "#1"]),
        ({"model#challenger!#3": "c", "model#challenger!#4": "b"}, None, ["!#4", "!#3", "#2", "#1"]),
        ({"model#challenger!#3": "b", "model#challenger#4": "a"}, "v1.2.0", ["#4", "!#3", "#2", "#1"]),
        ({"model#challenger!#3": "b", "model#challenger#3": "a"}, "v1.2.0", ["#3", "!#3", "#2", "#1"]),
        ({"model#challenger!#3": "a"}, "v1.9.0", ["#2", "#1"]),
    ],
    ids=["there", "the one before is back", "all ended", "another", "ended while another came", "not there"],
)
def test_a_version_is_taken_out_again_by_a_tag(more, current, tags):
    known = Registry.of(TAGS | {"model#challenger#1": "c", "model#challenger#2": "b"} | more)
    assert known.current("challenger") == current
    assert known.tags("challenger") == [f"model#challenger{tag}" for tag in tags]
    assert known.current("prod") == "v1.10.0"


def test_previous_is_a_version_also_after_an_end():
    known = Registry.of(TAGS | {"model#prod!#11": "a", "model#prod!#12": "b", "model#prod!#13": "c"})
    assert (known.current("prod"), known.previous("prod")) == (None, "v1.10.0")


def test_a_commit_has_one_version_whatever_names_it_is_given():
    """So who gives a bad one a second name doesn't get it past the mark."""
    known = Registry.of(TAGS | {"model#bad#1": "c", "model@v1.11.0": "c"})
    assert list(known.versions) == ["v1.2.0", "v1.9.0", "v1.10.0"]
    assert known.has("bad", "v1.10.0")
    assert known.next("minor") == "v1.12.0"


def test_a_version_has_the_commit_that_was_first_whatever_a_later_tag_says():
    assert Registry.of(TAGS | {"model@v1.9.0#12": "d"}).commit("v1.9.0") == "b"


@pytest.mark.parametrize(
    "name", ["model@v\u0661.0.0", "model@v01.0.0", "model@v1.0.0-rc.1", "model#prod#\u0662", "model@v1.0.0?"]
)
def test_a_name_with_other_digits_means_nothing(name):
    assert Registry.of(TAGS | {name: "d"}) == Registry.of(TAGS)


def histories():
    """Tags as people and GTO may make them, in order, none of them a second version of a commit, which GTO refuses."""
    for seed in range(100):
        chance, commits, tags = random.Random(seed), {}, []  # noqa: S311
        for number in range(1, chance.randint(2, 20)):
            made = chance.choice(list(commits)) if commits else ""
            kind = chance.choice(["version", "stage", "stage", "stage", "end", "gone", "again"]) if made else "version"
            if kind == "version":
                name = f"v{chance.randint(0, 2)}.{chance.choice([2, 10])}.{number}"
                commits[name] = len(commits)
                tags.append((f"model@{name}", commits[name]))
            elif kind == "stage":
                tags.append((f"model#{chance.choice(['prod', 'staging'])}#{number}", commits[made]))
            elif kind == "end":
                tags.append((f"model#{chance.choice(['prod', 'staging'])}!#{number}", commits[made]))
            else:
                tags.append((f"model@{made}{'!' * (kind == 'gone')}#{number}", commits[made]))
        yield len(commits), tags


@pytest.mark.parametrize(("count", "tags"), histories(), ids=map(str, range(100)))
def test_this_and_gto_read_the_same_of_any_history(count, tags, tmp_path):
    lines = [f"commit refs/heads/{n}\nmark :{n + 1}\ncommitter a <a> {n} +0000\ndata 0\n" for n in range(count)]
    lines += [
        f"tag {name}\nfrom :{commit + 1}\ntagger a <a> {at} +0000\ndata 0\n"
        for at, (name, commit) in enumerate(tags, 2)
    ]
    subprocess.run(["git", "init", "--quiet", tmp_path], env=ENVIRONMENT, check=True)
    subprocess.run(["git", "-C", tmp_path, "fast-import", "--quiet"], input="".join(lines), text=True, check=True)
    known, shown = Registry.read(tmp_path), gto_api.show(str(tmp_path), table=False).get("model", {})
    assert list(known.versions)[-1:] == [shown["version"]] * bool(shown.get("version"))
    assert {stage: known.current(stage) for stage in known.stages if known.current(stage)} == shown.get("stage", {})


def test_an_unknown_version_is_refused_with_those_that_there_are():
    assert Registry.of(TAGS).commit("v1.9.0") == "b"
    with pytest.raises(BadInput, match=r"v2\.0\.0: no such version; known: v1\.2\.0, v1\.9\.0, v1\.10\.0"):
        Registry.of(TAGS).commit("v2.0.0")


def test_gto_reads_what_this_writes(ann):
    for stage, version in [("prod", "v1.0.0"), ("prod", "v1.1.0"), ("bad", "v1.1.0"), ("prod", "v1.0.0")]:
        registry.assign(ann.root, stage, version, "why")
    known, shown = Registry.read(ann.root), json.loads(gto(ann, "show", "--json"))["model"]
    assert shown["version"] == list(known.versions)[-1] == "v1.2.0"
    assert shown["stage"] == {stage: known.current(stage) for stage in ("bad", "prod")}
    told = json.loads(gto(ann, "check-ref", "model#prod#3", "--json"))
    assert (told["event"], told["stage"], told["version"], told["message"]) == ("assignment", "prod", "v1.0.0", "why")


def test_this_reads_what_gto_writes(ann):
    gto(ann, "assign", "model", "--version", "v1.2.0", "--stage", "prod")
    assert Registry.read(ann.root).current("prod") == "v1.2.0"
    gto(ann, "deprecate", "model", "v1.2.0", "prod")
    assert Registry.read(ann.root).current("prod") is None


def test_gto_reads_that_a_challenger_was_ended(ann):
    registry.assign(ann.root, "challenger", "v1.1.0", "why")
    assert registry.unassign(ann.root, "challenger", "seen enough") == "model#challenger!#2"
    assert registry.unassign(ann.root, "challenger", "again") == ""
    told = json.loads(gto(ann, "check-ref", "model#challenger!#2", "--json"))
    assert (told["event"], told["stage"], told["version"]) == ("unassignment", "challenger", "v1.1.0")
    assert "challenger" not in json.loads(gto(ann, "show", "--json"))["model"]["stage"]
    assert registry.assign(ann.root, "challenger", "v1.1.0", "once more") == "model#challenger#3"


def gto(clone, *words):
    return subprocess.run(["gto", *words], cwd=clone.root, env=ENVIRONMENT, capture_output=True, text=True).stdout


def test_the_remote_is_read_without_fetching(ann, clone):
    registry.assign(ann.root, "prod", "v1.0.0", "why")
    bob = clone("bob")
    registry.assign(ann.root, "prod", "v1.1.0", "why")
    there = registry.listed(bob.root, "origin")
    assert Registry.of({name: ids[-1] for name, ids in there.items()}) == Registry.read(ann.root)
    assert Registry.read(bob.root).current("prod") == "v1.0.0"


def test_what_is_in_a_stage_already_gets_no_second_tag(ann):
    names = [registry.assign(ann.root, "prod", version, "why") for version in ("v1.0.0", "v1.0.0", "v1.1.0", "v1.0.0")]
    assert names == ["model#prod#1", "model#prod#1", "model#prod#2", "model#prod#3"]


def test_a_tag_that_says_something_new_is_made_anew(ann):
    names = [registry.assign(ann.root, "challenger", "v1.1.0", str(number), anew=True) for number in range(2)]
    assert names == ["model#challenger#1", "model#challenger#2"]


def test_without_a_remote_the_tag_stays_here_and_counts_for_nothing_once_there_is_one(ann, origin):
    registry.assign(ann.root, "prod", "v1.0.0", "a try", remote=None)
    assert origin.git("tag", "--list", "model#*") == ""
    registry.assign(ann.root, "prod", "v1.0.0", "for all")
    assert origin.git("tag", "--list", "model#*", "--format=%(refname:strip=2) %(subject)") == "model#prod#1 for all"


def test_a_tag_that_the_remote_refuses_is_not_kept(ann, origin):
    hook = origin.root / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho no rights >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(BadInput, match="no rights"):
        registry.assign(ann.root, "prod", "v1.0.0", "why")
    assert Registry.read(ann.root).current("prod") is None
    hook.unlink()
    assert registry.assign(ann.root, "prod", "v1.0.0", "why") == "model#prod#1"


def assign(version, root):
    return registry.assign(root, "prod", version, "why")


def test_two_who_take_the_same_number_at_once_both_get_one(ann, clone, origin):
    attempts, hook = origin.root / "attempts", origin.root / "hooks/pre-receive"
    both = f"while [ $(wc -l < {attempts}) -lt 2 ]; do sleep 0.02; done"
    hook.write_text(f"#!/bin/sh\necho attempt >> {attempts}\n{both}\n")
    hook.chmod(0o755)
    people = [ann.root, clone("bob").root]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        jobs = [pool.apply_async(partial(assign, f"v1.{n}.0"), [root]) for n, root in enumerate(people)]
        assert {job.get() for job in jobs} == {"model#prod#1", "model#prod#2"}
    assert len(attempts.read_text().splitlines()) == 3
    assert set(Registry.fetched(ann.root, "origin").there("prod")) == {"v1.0.0", "v1.1.0"}


def test_a_version_number_that_another_took_meanwhile_is_not_taken_again(ann, clone):
    bob, tried = clone("bob"), []
    for one in (ann, bob):
        one.git("commit", "--quiet", "--allow-empty", "--message", f"of {one.root.name}")

    def make(known):
        tried.append(f"model@{known.next('minor')}")
        if len(tried) == 1:
            registry.tag(ann.root, tried[0], ann.git("rev-parse", "HEAD"), "first", "origin")
        return registry.tag(bob.root, tried[-1], bob.git("rev-parse", "HEAD"), "second", "origin")

    assert registry.raced(bob.root, "origin", make) == "model@v1.4.0"
    assert tried == ["model@v1.3.0", "model@v1.4.0"]


def test_a_version_that_was_marked_bad_a_moment_ago_goes_nowhere(ann):
    registry.assign(ann.root, "prod", "v1.1.0", "why")
    registry.assign(ann.root, "bad", "v1.1.0", "a moment ago")
    with pytest.raises(BadInput, match=r"v1\.1\.0 is marked bad"):
        registry.assign(ann.root, "staging", "v1.1.0", "late")
    assert registry.assign(ann.root, "staging", "v1.0.0", "a good one") == "model#staging#1"


@pytest.mark.parametrize(("actor", "name"), [("bea", "bea"), ("", "Ann")])
def test_a_tag_says_who_made_it(actor, name, ann, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTOR", actor)
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ann")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ann@example.com")
    registry.assign(ann.root, "prod", "v1.0.0", "why")
    assert ann.git("tag", "--list", "model#prod#1", "--format=%(taggername)") == name
