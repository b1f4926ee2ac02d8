"""deploy.yml and rollback.yml, run by act in the sandbox: the days of one project, whose tests build on each other."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops import pointers, trees
from mlops.adopting import parts
from mlops.contract import BadInput
from mlops.objects import Objects
from mlops.releasing import storage
from mlops.releasing.registry import Registry, outputs
from mlops.workspace import git
from rehearsal.github.calls import Answer
from rehearsal.runs import Pushed, Run
from rehearsal.sandbox import IDENTITY, Sandbox, open_pull_request, sandbox
from tests import packages
from tests.conftest import Project, clone
from tests.servers import webhook

# each goes on where the last one ended
pytestmark = [pytest.mark.xdist_group("deployments"), pytest.mark.in_order]
ONLY_DEPLOY = ["checks.yml", "experiment.yml", "image.yml"]
BETTER = ("params.yaml", "learning_rate: 0.3", "learning_rate: 0.1")
WORSE = ("params.yaml", "learning_rate: 0.3", "learning_rate: 1.0")
DOCS = ("README.md", "# Git runs", "# GIT runs")


class Team:
    """People who merge into the main of a sandbox."""

    def __init__(self, github: Sandbox, project: Project) -> None:
        self.github, self.project = github, project
        project.edit("params.yaml", "sample_rows: null", "sample_rows: 8000")
        project.edit("params.yaml", "trees: 100", "trees: 30")
        project.commit("Small")
        self.main = github.publish(project.root, "HEAD", "main")
        asked, github.variables = github.variables, {}
        self.first = self.deploys()  # as "Use this template" does
        github.variables = asked
        self.begun = github.dispatch("deploy.yml")

    def merges(self, branch: str, *edits: tuple[str, str, str]) -> int:
        """Open a pull request with these edits, which nobody tests, and merge it; its number."""
        for edit in edits:
            self.project.edit(*edit)
        self.project.must("git", "add", "--all")
        tree = git(self.project.root, "write-tree")
        head = self.github.push(self.project.root, tree, branch, self.main)
        number, _ = open_pull_request(self.github, head, without=[*ONLY_DEPLOY, "report.yml"])
        self.main = self.github.merge(number)
        self.project.must("git", "fetch", "--quiet", str(self.github.origin), "main")
        return number

    def takes_back(self, *edits: tuple[str, str, str]) -> None:
        """Out of the next pull request."""
        for file, old, new in edits:
            self.project.edit(file, new, old)

    def deploys(self, at: Pushed | None = None) -> Run:
        """The push of main (or of an older commit, whose run somebody starts again)."""
        head = at or self.main
        push = self.github.api.push_event("main", after=head.sha)
        (run,) = self.github.happen("push", push, head, ONLY_DEPLOY)[:1]
        return run

    @contextmanager
    def given(self, *options: str) -> Iterator[None]:
        """More words for act."""
        usual = self.github.options
        self.github.options = [*usual, *options]
        yield
        self.github.options = usual

    @property
    def known(self) -> Registry:
        return Registry.read(self.github.origin)

    def tags(self) -> str:
        return git(self.github.origin, "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags")

    def assets(self, version: str) -> list[str]:
        release = self.github.api.find("releases", tag_name=f"model@{version}")
        return [one["name"] for one in self.github.api.known["assets"] if one["_release"] == release["id"]]

    def refuses_once(self, ref: str) -> None:
        """The next push of this ref ends as if a rule of the repository were against it."""
        self._hook("pre-receive", f"if grep -q ' {ref}$'; then rm $0.refuse; echo 'rule violations' >&2; exit 1; fi")

    def _hook(self, name: str, script: str) -> None:
        """Add a script to a hook of the origin, until it removes itself."""
        hook = self.github.origin / "hooks" / name
        own = hook.with_name(f"{name}.refuse")
        own.write_text(f"#!/bin/sh\n{script}\nexit 0\n".replace("$0.refuse", str(own)))
        own.chmod(0o755)
        text = hook.read_text() if hook.exists() else "#!/bin/sh\n"
        line = f'if [ -x "{own}" ]; then "{own}" "$@" || exit 1; fi\n'
        if line not in text:
            hook.write_text(text.replace("#!/bin/sh\n", f"#!/bin/sh\n{line}", 1))
            hook.chmod(0o755)


@pytest.fixture(scope="module")
def team(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    project = clone(template, tmp_path_factory.mktemp("team") / "clone")
    with sandbox(tmp_path_factory.mktemp("sandbox")) as github:
        github.options = packages.installing_into(tmp_path_factory.mktemp("job") / "environment")
        yield Team(github, project)


def ran(run: Run) -> list[str]:
    """The pipelines that ran, in order; what failed has a mark."""
    words = [(step.name.partition("pipelines.")[2].split()[:1], step.result) for step in run.outcome.steps]
    return [name[0] + ("!" if result == "failure" else "") for name, result in words if name and result != "skipped"]


def jobs(run: Run) -> dict[str, str]:
    return {job: result for job, result in run.outcome.jobs.items() if job != "elsewhere"}


def test_the_example_goes_no_further_than_staging_where_nobody_asked_for_it(team: Team) -> None:
    run = team.first
    assert jobs(run) == {"staging": "success", "production": "skipped"}, run.outcome.log
    assert ran(run) == ["release", "promote", "smoke"]
    assert "v1.0.0 is the template's example, which goes no further than staging" in run.outcome.summary
    assert "`nox -s adopt -- TABLE --target COLUMN`" in run.outcome.summary


def test_started_on_another_branch_it_is_refused_and_says_where(team: Team) -> None:
    before = team.tags()
    for name in ("deploy.yml", "rollback.yml"):
        run = team.github.dispatch(name, Pushed(team.main.sha, "other"), reason="Now")
        results = {job: result for job, result in run.outcome.jobs.items() if result != "skipped"}
        assert results == {"elsewhere": "failure"}, run.outcome.log
        (step,) = run.outcome.steps
        assert step.name == 'Refused, as this runs on the default branch alone; choose that one under "Run workflow"'
    assert team.tags() == before


def test_a_schedule_ends_at_once_where_nothing_is_configured(team: Team) -> None:
    (watched,) = team.github.reach("17 5 * * *")
    assert (watched.workflow, jobs(watched)) == ("monitor.yml", {"monitor": "success"}), watched.outcome.log
    done = [step.name for step in watched.outcome.steps if step.result != "skipped"]
    assert done == ["Not configured: set the secret or variable STORE_URL, as docs/monitoring.md says"]
    (scored,) = team.github.reach("47 3 * * *")
    assert (scored.workflow, scored.outcome.conclusion) == ("score.yml", "skipped"), scored.outcome.log


def test_a_push_to_main_goes_to_staging_and_to_production(team: Team) -> None:
    run = team.begun
    assert jobs(run) == {"staging": "success", "production": "success"}, run.outcome.log
    assert ran(run) == ["release", "promote", "smoke", "promote", "smoke", "announce"], run.outcome.log
    assert (team.known.current("staging"), team.known.current("prod")) == ("v1.0.0", "v1.0.0")


def test_its_jobs_ran_on_what_their_setup_installed_and_on_nothing_else(team: Team) -> None:
    (environment,) = [Path(word.partition("=")[2]) for word in team.github.options if "PROJECT_ENVIRONMENT" in word]
    (place,) = environment.glob("lib/python*/site-packages")
    assert packages.installed(place) == set(packages.brought("training", "pipeline", "service"))
    assert not (environment / "bin/pytest").exists()


def test_the_release_has_model_description_and_card_and_the_summary_tells_them(team: Team) -> None:
    assert sorted(team.assets("v1.0.0")) == ["MODEL_CARD.md", "model.json", "model.onnx"]
    assert team.github.api.find("releases", tag_name="model@v1.0.0")["body"].startswith("# Model v1.0.0\n")
    summary = team.begun.outcome.summary
    assert "# Model v1.0.0" in team.first.outcome.summary
    assert "prod: v1.0.0 (model#prod#1)" in summary
    assert summary.count("| golden rows | yes |") == 2
    assert "### Released already" in summary
    assert len(re.findall(r"^Cost: \d+\.\d minutes; nothing from a cache; cache ", summary, re.MULTILINE)) == 5


def test_the_model_that_is_released_is_attested_once(team: Team) -> None:
    noted = [json.loads(line) for line in (team.github.folder / "registry.jsonl").read_text().splitlines()]
    commit = team.known.commit("v1.0.0")
    model = Objects(team.github.origin, commit).get(outputs(team.github.origin, commit)["artifacts/model.onnx"])
    digest = f"sha256:{hashlib.sha256(model).hexdigest()}"
    assert [(one["attest"], one["of"]) for one in noted if "attest" in one] == [("model.onnx", digest)]


def test_main_itself_holds_nothing_of_it(team: Team) -> None:
    assert git(team.github.origin, "rev-parse", "main") == team.main.sha
    assert git(team.github.origin, "rev-parse", f"{team.known.commit('v1.0.0')}^") == team.main.sha


def test_a_change_of_the_docs_releases_nothing(team: Team) -> None:
    before = team.tags()
    team.merges("docs", DOCS)
    run = team.deploys()
    assert (jobs(run), ran(run)) == ({"staging": "success", "production": "skipped"}, ["release"])
    assert "### Unchanged" in run.outcome.summary
    assert team.tags() == before


def test_a_candidate_that_loses_is_refused_with_the_reason_on_its_pull_request(team: Team) -> None:
    before = team.tags()
    number = team.merges("worse", WORSE)
    with webhook() as (address, told), team.given("--secret", f"ALERT_URLS={address}"):
        run = team.deploys()
    assert [alert["title"] for alert in told] == ["Not deployed: v1.0.0 stays"]
    assert "Worse than the champion for sure" in told[0]["message"]
    assert "Owner: @your-org/ml-engineers" in told[0]["message"]
    assert (run.outcome.conclusion, ran(run)) == ("failure", ["release!"]), run.outcome.log
    (comment,) = team.github.api.comments(number)
    assert comment["body"].startswith("### Not deployed: v1.0.0 stays")
    assert "by more than deploy.margin = 1.0% of its loss" in comment["body"]
    assert team.tags() == before
    team.takes_back(WORSE)


def test_staging_fails_though_the_storage_was_raced_and_a_rerun_goes_on_without_training(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody pushes objects while the job does; a rule refuses the tag of staging; then the API refuses a file."""
    team.merges("better", BETTER)
    raced = race(team)
    team.refuses_once("refs/tags/model#staging#2")
    run = team.deploys()
    assert (run.outcome.conclusion, ran(run)) == ("failure", ["release", "promote!"]), run.outcome.log
    assert "rule violations" in run.outcome.log
    assert git(team.github.origin, "merge-base", "--is-ancestor", raced, "dvc-storage") == ""
    assert (list(team.known.versions), team.known.current("staging")) == (["v1.0.0", "v1.1.0"], "v1.0.0")

    commit = team.known.commit("v1.1.0")
    with monkeypatch.context() as patch:
        patch.setattr(team.github.api, "respond", without_the_second_asset(team))
        run = team.github.dispatch("deploy.yml")
    assert jobs(run) == {"staging": "success", "production": "failure"}, run.outcome.log
    assert ran(run)[-1] == "announce!"
    assert (team.known.current("staging"), team.known.current("prod")) == ("v1.1.0", "v1.1.0")
    assert team.known.commit("v1.1.0") == commit
    assert team.assets("v1.1.0") == ["model.onnx"]


def race(team: Team) -> str:
    """Somebody else's objects come to the branch right before the job's; their commit."""
    origin, tip = team.github.origin, git(team.github.origin, "rev-parse", "dvc-storage")
    who = {f"GIT_{role}_{key}": "x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    theirs = git(origin, "commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", "Theirs", **who)
    moved = f"git update-ref refs/heads/dvc-storage {theirs} {tip}"
    team._hook(
        "update", f"if [ $1 = refs/heads/dvc-storage ]; then rm $0.refuse; env -u GIT_QUARANTINE_PATH {moved}; fi"
    )
    return theirs


def without_the_second_asset(team: Team):
    respond = team.github.api.respond

    def refuse(method, target, headers, body):
        if method == "POST" and "assets?" in target and "model.json" in target:
            return Answer(json.dumps({"message": "Resource not accessible by integration"}).encode(), 403)
        return respond(method, target, headers, body)

    return refuse


def test_a_rerun_completes_the_release_and_moves_no_tag(team: Team) -> None:
    before = team.tags()
    run = team.github.dispatch("deploy.yml")
    assert jobs(run) == {"staging": "success", "production": "success"}, run.outcome.log
    assert team.tags() == before
    assert sorted(team.assets("v1.1.0")) == ["MODEL_CARD.md", "model.json", "model.onnx"]


def test_an_older_run_that_is_started_again_is_told_that_it_is_superseded(team: Team) -> None:
    before = team.tags()
    run = team.deploys(at=Pushed(git(team.github.origin, "rev-parse", "model@v1.0.0^{commit}^"), "main"))
    assert run.outcome.conclusion == "success", run.outcome.log
    assert run.outcome.summary.count("has v1.1.0 already, which is newer than v1.0.0") == 2
    assert (run.outcome.jobs["production"], ran(run)) == ("skipped", ["release", "promote"]), run.outcome.log
    assert team.tags() == before


def test_a_challenger_comes_by_hand_with_its_mode_and_goes_again(team: Team) -> None:
    said = {"version": "v1.0.0", "mode": "split", "share": "0.25", "reason": "Winter; $(touch /tmp/x)"}
    run = team.github.dispatch("challenge.yml", **said)
    assert (run.outcome.conclusion, ran(run)) == ("success", ["challenge"]), run.outcome.log
    assert "challenger: v1.0.0 in split, 25% of the rows of v1.1.0 (model#challenger#1)" in run.outcome.summary
    tag = git(team.github.origin, "for-each-ref", "--format=%(contents)", "refs/tags/model#challenger#1")
    assert tag == "Winter; $(touch /tmp/x)\n\nMode: split\nShare: 0.25"
    run = team.github.dispatch("challenge.yml", version="", mode="end", share="", reason="")
    assert (run.outcome.conclusion, team.known.current("challenger")) == ("success", None), run.outcome.log


def test_rollback_brings_the_version_before_and_says_why(team: Team) -> None:
    run = team.github.dispatch("rollback.yml", reason="Late flights; $(touch /tmp/x) `x`", version="")
    assert (run.outcome.conclusion, ran(run)) == ("success", ["rollback", "smoke"]), run.outcome.log
    assert (team.known.current("prod"), team.known.current("bad")) == ("v1.0.0", "v1.1.0")
    assert "back from v1.1.0, which is marked bad: Late flights; $(touch /tmp/x) `x`" in run.outcome.summary
    said = git(team.github.origin, "for-each-ref", "--format=%(contents:subject)", "refs/tags/model#prod#3")
    assert said == "rollback from v1.1.0: Late flights; $(touch /tmp/x) `x`"


def test_a_bad_version_does_not_come_back_by_a_rerun(team: Team) -> None:
    run = team.github.dispatch("deploy.yml")
    assert (run.outcome.conclusion, ran(run)) == ("failure", ["release!"]), run.outcome.log
    assert "This is v1.1.0 again, which is marked bad" in run.outcome.summary
    assert team.known.current("prod") == "v1.0.0"


STRICT = [
    ("params.yaml", "approval: none", "approval: required"),
    ("params.yaml", "require_labels: []", "require_labels: [compliance]"),
]


def test_a_version_waits_in_staging_for_its_label(team: Team) -> None:
    team.merges("strict", ("params.yaml", "learning_rate: 0.1", "learning_rate: 0.15"), *STRICT)
    run = team.deploys()
    assert jobs(run) == {"staging": "success", "production": "skipped"}, run.outcome.log
    assert ran(run) == ["release", "promote", "smoke"], run.outcome.log
    assert "held: v1.2.0 waits for the label 'compliance'" in run.outcome.summary
    assert (team.known.current("staging"), team.known.current("prod")) == ("v1.2.0", "v1.0.0")


def test_with_its_label_it_waits_for_an_environment_that_has_reviewers(team: Team, tmp_path: Path) -> None:
    """As its job would ask, which may read what `actions: read` lets it."""
    laptop, api = clone(team.github.origin, tmp_path / "laptop"), team.github.api
    laptop.must("python", "-m", "pipelines.promote", "compliance", "v1.2.0", "--push")
    about = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": api.repository}
    token = api.token({"actions": "read"})
    held = laptop.run("python", "-m", "pipelines.promote", "prod", "v1.2.0", "--push", GITHUB_TOKEN=token, **about)
    assert held.returncode == 1
    said = held.stdout
    assert "held: deploy.approval is `required`, but the environment `production` has no reviewers" in said
    assert team.known.current("prod") == "v1.0.0"


def test_where_reviewers_are_asked_it_goes_live(team: Team) -> None:
    team.github.api.protect("production", ["cleo"])
    run = team.github.dispatch("deploy.yml")
    assert ran(run)[-3:] == ["promote", "smoke", "announce"], run.outcome.log
    assert team.known.current("prod") == "v1.2.0"


def test_a_rollback_does_not_wait_for_a_deployment_that_waits_for_its_approval(team: Team) -> None:
    team.takes_back(*STRICT)
    grow(team.github.origin)
    team.github.approves = False
    team.merges("next", ("params.yaml", "learning_rate: 0.15", "learning_rate: 0.2"))
    run = team.deploys()
    assert jobs(run) == {"staging": "success", "production": "waiting"}, run.outcome.log
    assert re.search(r"^\d\d MB in the branch dvc-storage, which never shrinks: ", run.outcome.summary, re.MULTILINE)
    back = team.github.dispatch("rollback.yml", reason="Now", version="v1.0.0")
    assert jobs(back) == {"rollback": "waiting"}
    team.github.approve(back, "rollback")
    assert (back.outcome.conclusion, team.known.current("prod")) == ("success", "v1.0.0"), back.outcome.log
    team.github.approve(run, "production")
    assert (run.outcome.conclusion, team.known.current("prod")) == ("success", "v1.3.0"), run.outcome.log
    team.github.approves = True


def grow(origin: Path) -> None:
    """More objects on the branch dvc-storage than git carries well."""
    content = os.urandom(storage.MANY_BYTES)
    name = pointers.relative(hashlib.md5(content, usedforsecurity=False).hexdigest())
    words = ["git", f"--git-dir={origin}", "hash-object", "-w", "--stdin"]
    blob = subprocess.run(words, input=content, capture_output=True, check=True).stdout.decode().strip()
    tree = trees.changed(origin, "dvc-storage", {name: blob})
    made = git(origin, "commit-tree", tree, "-p", "dvc-storage", "-m", "Large", **IDENTITY)
    git(origin, "update-ref", "refs/heads/dvc-storage", made)


RAISED = (".github/workflows/image.yml", "# Started", "# Started again")


def test_a_job_without_a_deploy_key_cannot_go_back_past_a_change_of_the_workflows_and_says_so(team: Team) -> None:
    """As Dependabot changes them every week; a key or a person may push a tag to an older commit, and no job."""
    team.merges("raised", RAISED)
    for branch in git(team.github.origin, "for-each-ref", "--format=%(refname)", "refs/heads").split():
        if branch not in ("refs/heads/main", "refs/heads/dvc-storage"):  # merged, and deleted as one does
            git(team.github.origin, "update-ref", "-d", branch)
    before = team.tags()
    run = team.github.dispatch("rollback.yml", reason="Too slow", version="")
    assert (run.outcome.conclusion, ran(run)) == ("failure", ["rollback!"]), run.outcome.log
    assert "nothing was pushed: no branch has the workflow files of" in run.outcome.log
    assert "`nox -s settings -- --apply` makes a deploy key, which may" in run.outcome.log
    assert team.tags() == before


def test_the_origin_of_the_sandbox_keeps_that_rule_itself(team: Team) -> None:
    """So that a job which forgot to look would fail here, too."""
    job = {"REHEARSAL_PUSHERS": "rollback", "GITHUB_JOB": "rollback"}
    words = ("push", "--quiet", str(team.github.origin), "model@v1.0.0^{commit}:refs/tags/model#prod#99")
    with pytest.raises(
        BadInput, match="refusing to allow a GitHub App to create or update workflow without `workflows`"
    ):
        git(team.github.origin, *words, **job)
    git(team.github.origin, *words, **job, REHEARSAL_KEY="given")
    git(team.github.origin, "tag", "--delete", "model#prod#99")


def test_the_origin_of_the_sandbox_keeps_its_rulesets_too(team: Team) -> None:
    job = {"REHEARSAL_PUSHERS": "rollback", "GITHUB_JOB": "rollback", "REHEARSAL_GUARDED": "refs/tags/model#prod*#*"}
    words = ("push", "--quiet", str(team.github.origin), "main:refs/tags/model#prod#99")
    with pytest.raises(BadInput, match="Cannot create ref due to creations being restricted"):
        git(team.github.origin, *words, **job)
    git(team.github.origin, *words[:-1], "main:refs/tags/model#staging#99", **job)
    git(team.github.origin, *words, **job, REHEARSAL_KEY="given")
    git(team.github.origin, "tag", "--delete", "model#prod#99", "model#staging#99")


def test_a_job_with_a_deploy_key_goes_back(team: Team) -> None:
    key = parts._pair()[1]
    with team.given("--secret", f"DEPLOY_KEY={key}"):
        run = team.github.dispatch("rollback.yml", reason="Too slow", version="")
    assert (run.outcome.conclusion, ran(run)) == ("success", ["rollback", "smoke"]), run.outcome.log
    assert team.known.current("prod") == "v1.0.0"
