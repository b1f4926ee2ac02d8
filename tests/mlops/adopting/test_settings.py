"""Settings of the repository: planned, applied once, and read back; each beside what GitHub refuses."""

import re
import subprocess
from fnmatch import fnmatch

import pytest
from cryptography.hazmat.primitives import serialization

from mlops.adopting import plan, settings
from mlops.adopting.plan import Row
from mlops.adopting.settings import Settings
from mlops.contract import BadInput
from mlops.hub import Hub
from mlops.releasing import registry
from mlops.workspace import git, origin
from pipelines import settings as step
from rehearsal.api import GitHub
from rehearsal.github.settings import opened
from tests.conftest import ROOT
from tests.mlops.adopting.conftest import edit


def parts(root):
    return Settings.read(root).parts(Hub.of_person(root), root, registry.believed)


def test_the_plan_is_shown_and_changes_nothing(github, root, person, capsys):
    person(github)
    assert step.main(apply=False, root=root) == 0
    out = capsys.readouterr().out
    assert "| label full-training | not there | name full-training, color 5319e7, " in out
    assert "| actions: can_approve_pull_request_reviews | false | true |" in out
    assert "rules deletion non_fast_forward pull_request required_status_checks" in out
    assert "`nox -s settings -- --apply` makes them as wanted" in out
    assert {request.method for request in github.requests} == {"GET"}


def test_what_was_applied_is_there_and_a_second_plan_is_empty(github, root, person, capsys):
    person(github)
    assert step.main(apply=True, root=root) == 0
    assert {label["name"] for label in github.known["labels"]} == {"full-training", "accept-incomparable"}
    assert github.actions == {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True}
    assert [one["name"] for one in github.known["policies"]] == ["main", "main"]
    main = github.find("rulesets", name="main")
    checks = next(rule["parameters"] for rule in main["rules"] if rule["type"] == "required_status_checks")
    assert [one["context"] for one in checks["required_status_checks"]] == ["checks-pass", "experiment-pass"]
    before = len(github.requests)
    capsys.readouterr()
    assert step.main(apply=True, root=root) == 0
    assert capsys.readouterr().out.startswith("Nothing differs from .github/settings.\n")
    assert {request.method for request in github.requests[before:]} == {"GET"}


def test_the_environments_secret_is_the_private_half_of_the_key_that_may_push(github, root, person):
    person(github)
    plan.apply(parts(root))
    keys = {key["title"]: key for key in github.known["keys"]}
    assert keys.keys() == {"production", "release"}
    for name, key in keys.items():
        private = serialization.load_ssh_private_key(opened(github, name, "DEPLOY_KEY").encode(), None)
        forms = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        assert (private.public_key().public_bytes(*forms).decode(), key["read_only"]) == (key["key"], False)
    passing = {one["name"]: [actor["actor_type"] for actor in one["bypass_actors"]] for one in github.known["rulesets"]}
    assert passing == {"main": [], "versions": [], "production": ["DeployKey"], "dvc-storage": []}


@pytest.mark.parametrize(
    ("tag", "guarded"),
    [
        ("model#prod#3", True), ("model#challenger#1", True), ("model#challenger!#2", True), ("model#bad#1", True),
        ("model#staging#3", False), ("model#compliance#1", False), ("model@v1.0.0", False),
    ],
)  # fmt: skip
def test_the_key_alone_makes_tags_that_reach_those_who_ask_for_predictions(tag, guarded):
    known = {one.name: one.conditions["ref_name"]["include"] for one in Settings.read(ROOT).rulesets}
    assert any(fnmatch(f"refs/tags/{tag}", pattern) for pattern in known["production"]) == guarded
    assert any(fnmatch(f"refs/tags/{tag}", pattern) for pattern in known["versions"])


def test_the_verdict_is_asked_for_once_it_was_reported(github, root, person):
    """Before that a ruleset that asks for it would lock the project."""

    def asked():
        plan.apply(parts(root))
        rules = github.find("rulesets", name="main")["rules"]
        (checks,) = (rule["parameters"] for rule in rules if rule["type"] == "required_status_checks")
        return [one["context"] for one in checks["required_status_checks"]]

    person(github)
    sha = git(root, "rev-parse", "HEAD")
    github.open_pull_request("change", sha)
    assert asked() == ["checks-pass", "experiment-pass"]
    github.add("commit_statuses", _sha=sha, context="verdict", state="failure")
    assert asked() == ["checks-pass", "verdict"]


def test_a_pull_request_says_who_signs_and_lists_the_tags_that_nobody_did(github, root, person):
    person(github)
    plan.apply(parts(root))
    git(root, "fetch", "--quiet", "origin", "allowed-signers")
    proposed, keys = git(root, "rev-parse", "FETCH_HEAD"), {key["title"]: key["key"] for key in github.known["keys"]}
    lines = git(root, "show", "FETCH_HEAD:.github/allowed_signers").splitlines()
    assert lines == [f'{name} namespaces="git" {keys[name]}' for name in ("production", "release")]
    listed = git(root, "show", "FETCH_HEAD:.github/unsigned_tags")
    assert listed == f"{git(root, 'rev-parse', 'refs/tags/model@v1.0.0')} model@v1.0.0"
    (pull,) = github.known["pulls"]
    assert (pull["title"], pull["head"]["ref"]) == ("Say who signs tags", "allowed-signers")
    assert plan.plan(parts(root)) == ([], [])
    git(root.with_name("origin.git"), "update-ref", "refs/heads/main", proposed)
    github.merge(pull["number"], proposed)
    assert plan.plan(parts(root)) == ([], [])
    github.known["keys"].pop()
    assert [row.setting.split(":")[0] for row in plan.plan(parts(root))[0]] == ["deploy key release", "who signs tags"]


@pytest.mark.parametrize("lost", ["keys", "secrets"])
def test_half_a_key_is_made_anew(github, root, person, lost):
    person(github)
    plan.apply(parts(root))
    github.known[lost].clear()
    assert plan.apply(parts(root)) == (["deploy key production", "deploy key release", "who signs tags"], [])
    assert (len(github.known["keys"]), plan.plan(parts(root))) == (2, ([], []))


def test_what_somebody_changed_by_hand_shows_and_is_put_right_alone(github, root, person):
    person(github)
    plan.apply(parts(root))
    main = github.find("rulesets", name="main")
    main["rules"] = [rule for rule in main["rules"] if rule["type"] != "deletion"]
    main["rules"].append({"type": "creation"})
    main["rules"][1]["parameters"]["required_approving_review_count"] = 0
    rows, _ = plan.plan(parts(root))
    assert rows == [
        Row("ruleset main: rules.pull_request.parameters.required_approving_review_count", 0, 1),
        Row("ruleset main: rules.creation", {"type": "creation"}, None),
        Row("ruleset main: rules.deletion", None, {"type": "deletion"}),
    ]
    assert plan.apply(parts(root)) == (["ruleset main"], [])
    assert plan.plan(parts(root)) == ([], [])


def test_a_label_that_looks_otherwise_is_brought_in_line(github, root, person):
    person(github)
    github.label("full-training", color="ff0000")
    assert "label full-training" in plan.apply(parts(root))[0]
    assert github.find("labels", name="full-training")["color"] == "5319e7"
    assert plan.plan(parts(root)) == ([], [])


def test_what_the_files_do_not_name_stays(github, root, person):
    person(github)
    github.label("bug", color="ff0000")
    github.add("rulesets", name="ours", target="branch", enforcement="active", rules=[])
    plan.apply(parts(root))
    assert {"bug"} < {label["name"] for label in github.known["labels"]}
    assert github.find("rulesets", name="ours")["rules"] == []


def test_reviewers_are_people_and_teams_and_a_branch_that_may_no_longer_is_taken_off(github, root, person):
    person(github)
    plan.apply(parts(root))
    edit(root, "environments", lambda file: file[0].update(reviewers=["@cleo", "@owner/Validators"], branches=["live"]))
    rows, _ = plan.plan(parts(root))
    assert {row.setting.rpartition(": ")[2] for row in rows} == {
        "reviewers.@cleo", "reviewers.@owner/validators", "branches.live", "branches.main",
    }  # fmt: skip
    assert plan.apply(parts(root)) == (["environment production"], [])
    assert [one["name"] for one in github.known["policies"]] == ["main", "live"]
    assert Hub.connect().has_reviewers("production")
    assert plan.plan(parts(root)) == ([], [])


def test_a_team_that_is_not_there_is_refused_by_name_of_the_setting(github, root, person):
    person(github)
    edit(root, "environments", lambda file: file[0].update(reviewers=["@strangers/all"], deploy_key=None))
    _, faults = plan.apply(parts(root))
    assert faults[0].startswith("environment production: GitHub answered 404, Not Found; what .github/settings names")


def test_a_right_that_is_missing_is_named_and_the_rest_is_done(github, root, person, capsys):
    person(github, environments="none")
    assert step.main(apply=True, root=root) == 1
    captured = capsys.readouterr()
    failed = captured.err.splitlines(keepends=True)
    assert "".join(failed[:2]) == "".join(
        f"failed: deploy key {name}: GitHub answered 403, Resource not accessible by integration; "
        "the token needs the right environments=read, and its owner the repository's administration\n"
        for name in ("production", "release")
    )
    assert [line.split(",")[0] for line in failed[2:]] == ["failed: ruleset production: left as it is"]
    assert "ruleset dvc-storage" in captured.out


def test_without_administration_each_setting_says_so(github, root, person):
    person(github, administration="read")
    changed, faults = plan.apply(parts(root))
    assert changed == ["label full-training", "label accept-incomparable"]
    assert len(faults) == 9
    held = [fault for fault in faults if "needs the right administration=write" not in fault]
    assert [fault.split(",")[0] for fault in held] == ["ruleset production: left as it is"]


def test_what_a_plan_does_not_sell_is_said_to_be_its_plan(tmp_path, root, person):
    edit(root, "environments", lambda file: file[0].update(reviewers=["@cleo"]))
    with GitHub(tmp_path / "github", bare=root.with_name("origin.git"), private=True) as hub:
        person(hub)
        _, faults = plan.apply(parts(root))
    told = {fault.split(": ")[0]: fault for fault in faults}
    assert set(told) >= {"environment production", "ruleset main", "ruleset production"}
    assert "422, Failed to create the environment protection rule." in told["environment production"]
    assert "403, Upgrade to GitHub Pro" in told["ruleset main"]
    assert all("reviewers with Enterprise alone" in told[name] for name in ("environment production", "ruleset main"))


def test_an_invalid_rule_is_refused_with_githubs_words(github, root, person):
    person(github)
    edit(root, "rulesets", lambda file: file[0]["rules"].append({"type": "no_bugs"}))
    _, faults = plan.apply(parts(root))
    assert faults == [
        "ruleset main: GitHub answered 422, Validation Failed Invalid rule or actor: no_bugs; "
        "mend it in .github/settings"
    ]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("labels", lambda file: file[1].update(colour="ff0000"), r"labels.yml: entry 2: unknown key 'colour'; did you"),
        ("environments", lambda file: file[0].update(wait_timer="ten"), r"entry 1: .*wait_timer, got 'ten'"),
        ("rulesets", lambda file: file[0].update(target="brunch"), r"rulesets.yml: entry 1: .*target, got 'brunch'"),
    ],
)
def test_a_key_or_value_that_is_wrong_is_refused_with_its_place(root, name, change, message):
    edit(root, name, change)
    with pytest.raises(BadInput, match=message):
        Settings.read(root)


def test_a_file_that_is_missing_is_refused(root):
    (root / ".github/settings/actions.yml").unlink()
    with pytest.raises(BadInput, match=r"\.github/settings/actions\.yml: no such file"):
        Settings.read(root)


def test_approval_without_reviewers_and_placeholders_are_noted(root):
    assert settings.notes(Settings.read(root), root, "main") == []
    text = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(text.replace("approval: none", "approval: required"))
    (root / ".github/CODEOWNERS").write_text("* @your-org/all\n")
    owners, reviewers = settings.notes(Settings.read(root), root, "main")
    assert owners.startswith(".github/CODEOWNERS still names @your-org")
    assert reviewers.startswith(
        "deploy.approval is `required`, and .github/settings/environments.yml names no reviewer"
    )


def test_a_token_and_a_repository_that_it_opens_are_asked_for(github, root, person, monkeypatch):
    person(github)
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/another")
    with pytest.raises(BadInput, match="GitHub answered 404 for owner/another"):
        Hub.of_person(root)
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(BadInput, match="GITHUB_TOKEN is not set: make a token"):
        Hub.of_person(root)


def test_the_repository_is_the_one_of_gits_origin(github, root, person, monkeypatch):
    person(github)
    monkeypatch.delenv("GITHUB_REPOSITORY")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    subprocess.run(["git", "-C", root, "remote", "set-url", "origin", "git@github.com:owner/project.git"], check=True)
    assert Hub.of_person(root).repository.full_name == "owner/project"


@pytest.mark.parametrize(
    ("url", "name", "api"),
    [
        ("https://github.com/o/r.git", "o/r", None),
        ("git@github.com:o/r-2", "o/r-2", None),
        ("ssh://git@git.example.com:22/o/r.git", "o/r", "https://git.example.com/api/v3"),
    ],
)
def test_an_origin_at_github_is_understood(url, name, api):
    found = origin(url)
    assert (found["GITHUB_REPOSITORY"], found.get("GITHUB_API_URL")) == (name, api)


@pytest.mark.parametrize("url", ["/srv/a/b.git", "../a/b", "file:///a/b", "https://github.com/o"])
def test_any_other_origin_is_refused(url):
    with pytest.raises(BadInput, match="no repository at GitHub; set GITHUB_REPOSITORY"):
        origin(url)


def test_a_default_branch_of_another_name_is_said(root, capsys, github, person, monkeypatch):
    person(github)
    home = github.home
    monkeypatch.setattr(github, "home", lambda *words: home(*words) | {"default_branch": "trunk"})
    step.main(apply=False, root=root)
    assert "note: the default branch is `trunk`, and the workflows name `main`" in capsys.readouterr().out


def test_the_workflows_name_the_branch_that_is_asked_for():
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        for started in re.findall(r"^    branches: (.*)$", file.read_text(), re.MULTILINE):
            assert started == f"[{settings.MAIN}]", file.name


def merge(root):
    """The pull request that says who signs, whoever has to say yes; here, too."""
    git(root.with_name("origin.git"), "update-ref", "refs/heads/main", "allowed-signers")
    git(root, "fetch", "--quiet", "origin")


def test_what_older_keys_signed_counts_after_new_ones_came(github, root, person, monkeypatch):
    """As where the keys went with the token that made them."""
    person(github)
    plan.apply(parts(root))
    merge(root)
    monkeypatch.setenv("GITHUB_ACTOR", "ann")
    for name, act in {
        "release": lambda: registry.tag(root, "model@v1.1.0", git(root, "rev-parse", "origin/main"), "a", "origin"),
        "production": lambda: registry.assign(root, "prod", "v1.1.0", "why"),
    }.items():
        monkeypatch.setenv("SIGNING_KEY", opened(github, name, "DEPLOY_KEY"))
        act()
    git(root, "push", "--quiet", "origin", f"{git(root, 'rev-parse', 'main')}:refs/tags/model@v6.6.6")  # by nobody
    github.known["keys"].clear()
    assert plan.apply(parts(root))[1] == []
    merge(root)
    known = registry.Registry.fetched(root, "origin")
    assert (list(known.versions), known.current("prod")) == (["v1.0.0", "v1.1.0"], "v1.1.0")
    assert known.refused == {"model@v6.6.6"}


def test_who_signs_is_not_said_while_a_key_is_missing(github, root, person):
    """Merged, it would close production: nobody could sign for it."""
    person(github)
    plan.apply(parts(root))
    github.known["pulls"].clear()
    github.known["keys"][:] = [key for key in github.known["keys"] if key["title"] == "release"]
    *_, signing = parts(root)
    with pytest.raises(BadInput, match="nobody could sign for `production`: its deploy key isn't there"):
        signing.write(None)
    edit(root, "environments", lambda file: file[0].update(deploy_key=None))
    assert "who signs tags" not in [part.name for part in parts(root)]
