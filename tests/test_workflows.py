"""What the workflow files promise, read from the YAML: triggers, pins, rights, and nothing untrusted in a shell."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops.judging import submission
from mlops.releasing import oidc
from rehearsal import triggers
from tests.conftest import ROOT


def load(path: Path) -> Any:
    return yaml.load(path.read_text(), yaml.CSafeLoader)  # which takes a tenth of safe_load's time


FILES = {path.stem: path for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}
WORKFLOWS: dict[str, dict[Any, Any]] = {name: load(path) for name, path in FILES.items()}
ACTIONS = [load(path) for path in sorted((ROOT / ".github/actions").glob("*/action.yml"))]
JOBS = {(name, job): content for name, workflow in WORKFLOWS.items() for job, content in workflow["jobs"].items()}
STEPS = [(name, step) for (name, _), job in JOBS.items() for step in job["steps"]]
RIGHTS = {
    ("challenge", "challenge"): {"actions": "read", "contents": "write", "id-token": "write"},
    ("challenge", "elsewhere"): {},
    ("checks", "check"): {"contents": "read"},
    ("checks", "checks-pass"): {},
    ("deploy", "staging"): {
        "actions": "read",
        "attestations": "write",
        "contents": "write",
        "id-token": "write",
        "pull-requests": "write",
        "statuses": "read",
    },
    ("deploy", "production"): {"actions": "read", "contents": "write", "id-token": "write"},
    ("experiment", "base"): {"contents": "read", "id-token": "write"},
    ("experiment", "experiment-pass"): {"contents": "read", "id-token": "write"},
    ("image", "image"): {"attestations": "write", "contents": "read", "id-token": "write", "packages": "write"},
    ("image", "image-pass"): {},
    ("monitor", "monitor"): {"actions": "write", "contents": "read", "id-token": "write"},
    ("report", "fetch"): {"actions": "read", "contents": "read", "id-token": "write", "pull-requests": "read"},
    ("report", "judge"): {"actions": "read", "contents": "read", "pull-requests": "read"},
    ("report", "report"): {"actions": "read", "contents": "read", "pull-requests": "write", "statuses": "write"},
    ("retrain", "retrain"): {"contents": "write", "id-token": "write", "pull-requests": "write"},
    ("rollback", "rollback"): {"actions": "read", "contents": "write", "id-token": "write"},
    ("deploy", "elsewhere"): {},
    ("image", "elsewhere"): {},
    ("monitor", "elsewhere"): {},
    ("retrain", "elsewhere"): {},
    ("rollback", "elsewhere"): {},
    ("score", "elsewhere"): {},
    ("score", "score"): {"contents": "read", "id-token": "write"},
}
STARTED_BY = {
    "challenge": {"workflow_dispatch"},
    "checks": {"merge_group", "pull_request", "push"},
    "deploy": {"push", "workflow_dispatch"},
    "experiment": {"merge_group", "pull_request", "push"},
    "image": {"push", "workflow_dispatch"},
    "monitor": {"schedule", "workflow_dispatch"},
    "report": {"workflow_run"},
    "retrain": {"repository_dispatch", "workflow_dispatch"},
    "rollback": {"workflow_dispatch"},
    "score": {"schedule", "workflow_dispatch"},
}
WRITES = {
    (scope, "write") for scope in ("actions", "attestations", "contents", "packages", "pull-requests", "statuses")
}
PUSHERS = {
    ("deploy", "staging"), ("deploy", "production"), ("retrain", "retrain"), ("rollback", "rollback"),
    ("challenge", "challenge"),
}  # fmt: skip
GROUPS = {
    ("challenge", "challenge"): {"training", "pipeline", "service"},
    ("checks", "check"): {"training", "pipeline", "service", "agent", "dev"},
    ("deploy", "staging"): {"training", "pipeline", "service"},
    ("deploy", "production"): {"training", "pipeline", "service"},
    ("experiment", "base"): {"training", "pipeline"},
    ("experiment", "experiment-pass"): {"training", "pipeline"},
    ("monitor", "monitor"): {"training", "pipeline", "service"},
    ("report", "fetch"): {"pipeline"},
    ("report", "judge"): {"training", "pipeline"},
    ("report", "report"): {"pipeline"},
    ("retrain", "retrain"): {"training", "pipeline", "service"},
    ("rollback", "rollback"): {"training", "pipeline", "service"},
    ("score", "score"): {"training", "pipeline", "dask"},
}
GUARD = "!github.event.repository.is_template && !github.event.repository.fork"
ON_MAIN = "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_is_started_by_its_events_alone(name: str) -> None:
    assert set(triggers.triggers(WORKFLOWS[name])) == STARTED_BY[name]


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it() -> None:
    text = "".join(path.read_text() for path in (ROOT / ".github").rglob("*.yml"))
    used = re.findall(r"(?<!stat)uses: (?!\./)(.*)", text)
    assert len(used) >= 6
    assert [line for line in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("place", JOBS)
def test_job_has_the_rights_that_it_needs_and_no_others(place: tuple[str, str]) -> None:
    assert WORKFLOWS[place[0]]["permissions"] == {}
    assert JOBS[place]["permissions"] == RIGHTS[place]


def test_each_job_syncs_the_groups_of_its_steps_and_checks_alone_dev() -> None:
    assert {place: groups for place in JOBS if (groups := synced(place))} == GROUPS


def synced(place: tuple[str, str]) -> set[str]:
    """The groups that a job's setup installs."""
    given = [step["with"]["groups"] for step in JOBS[place]["steps"] if step.get("uses") == "./.github/actions/setup"]
    return {name for groups in given for name in groups.split()}


@pytest.fixture
def set_up(tmp_path: Path) -> Callable[..., list[str]]:
    """What the setup action's last step makes of groups and a storage's URL: uv's words, and what later steps see."""
    step = yaml.safe_load((ROOT / ".github/actions/setup/action.yml").read_text())["runs"]["steps"][-1]

    def run(groups: str, url: str, urls: str = "", equals: str = " = ") -> list[str]:
        (tmp_path / ".dvc").mkdir()
        (tmp_path / ".dvc/config").write_text(
            f"[core]\n    remote = storage\n['remote \"storage\"']\n    url{equals}{url}\n"
        )
        (tmp_path / "uv").write_text("#!/bin/sh\necho $*\n")
        (tmp_path / "uv").chmod(0o755)
        given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_ENV": str(tmp_path / "later"), "WANTED": groups}
        given["URLS"] = urls
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        words = subprocess.check_output(shell, cwd=tmp_path, env=given, text=True).split()
        return [*words, (tmp_path / "later").read_text()]

    return run


@pytest.mark.parametrize(
    ("url", "clouds"),
    [
        ("storage", []),
        ("s3://bucket/path", ["s3"]),
        ("azure://c/p", ["azure"]),
        ("gs://b", ["gs"]),
        ("/mnt/s3", []),
        ('"s3://bucket/path"', ["s3"]),
    ],
)
def test_setup_installs_what_it_is_told_and_the_storages_cloud_and_no_later_step_anything(
    url: str, clouds: list[str], set_up: Callable[..., list[str]]
) -> None:
    *words, later = set_up("training pipeline", url)
    assert words[:4] == ["sync", "--quiet", "--frozen", "--inexact"]
    assert words[4:] == ["--no-default-groups", *(f"--group={name}" for name in ("training", "pipeline", *clouds))]
    assert later == "UV_NO_SYNC=1\n"


def test_setup_finds_the_cloud_however_a_person_wrote_the_line(set_up: Callable[..., list[str]]) -> None:
    *words, _ = set_up("training", "gs://models", equals="=")
    assert words[5:] == ["--group=training", "--group=gs"]


def test_setup_installs_the_clouds_of_other_addresses_too(set_up: Callable[..., list[str]]) -> None:
    *words, _ = set_up("training", "s3://models", "az://rows/in gs://rows/out")
    assert words[5:] == ["--group=training", "--group=s3", "--group=azure", "--group=gs"]
    (given,) = (step["with"] for step in JOBS["score", "score"]["steps"] if "setup" in step.get("uses", ""))
    assert given["urls"] == "${{ inputs.input || vars.SCORE_INPUT }} ${{ inputs.output || vars.SCORE_OUTPUT }}"


@pytest.mark.parametrize("place", JOBS)
def test_job_ends_in_time(place: tuple[str, str]) -> None:
    trains_on_all_rows = place == ("deploy", "staging")
    assert 1 <= JOBS[place]["timeout-minutes"] <= (120 if trains_on_all_rows else 60)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_first_line_says_what_starts_it(name: str) -> None:
    assert FILES[name].read_text().startswith("# Started")


def test_no_expression_reaches_a_shell() -> None:
    shells = [step["run"] for _, step in STEPS if "run" in step] + [
        s["run"] for action in ACTIONS for s in action["runs"]["steps"] if "run" in s
    ]
    assert len(shells) > 5
    assert [shell for shell in shells if "${{" in shell] == []


def test_every_run_is_a_session_a_step_or_the_closing_check() -> None:
    shells = {step["run"] for _, step in STEPS if "run" in step}
    ours = {shell for shell in shells if re.match(r"uv run --frozen (nox -s|python -m pipelines\.)", shell)}
    assert shells - ours == {'test "$RESULT" = success', "exit 0", "exit 1"}
    said = {step["name"].split(",")[0].split(":")[0] for _, step in STEPS if step.get("run") in ("exit 0", "exit 1")}
    assert said == {"Not configured", "Refused"}  # whose names are all that they have to say
    assert [shell for shell in ours if re.search(r"[|;&<>]", shell)] == []


def test_storage_is_made_ready_between_setup_and_training() -> None:
    """Before the cache is put in place, too: what the branch brings must not depend on it."""
    cached = {("experiment", "base"): ["actions/cache"], ("report", "fetch"): ["actions/cache/restore"]}
    cached |= {("report", "judge"): ["actions/cache/restore"], ("experiment", "experiment-pass"): []}
    for place, caches in cached.items():
        used = [step.get("uses", "").split("@")[0] for step in JOBS[place]["steps"]]
        assert used[1 : 3 + len(caches)] == ["./.github/actions/setup", "./.github/actions/storage", *caches]
        logs_in = "id-token" in JOBS[place]["permissions"]
        assert JOBS[place]["steps"][2].get("with") == ({"variables": "${{ toJSON(vars) }}"} if logs_in else None)


def test_job_of_a_pull_request_may_write_nothing_here() -> None:
    """The one `write` is the right to say who it is."""
    for (name, _), job in JOBS.items():
        if "pull_request" in STARTED_BY[name]:
            assert {scope for scope, level in job["permissions"].items() if level == "write"} <= {"id-token"}


def test_only_jobs_that_push_keep_credentials_and_may_write_contents() -> None:
    kept = {place: step["with"]["persist-credentials"] for place, job in JOBS.items() for step in checkouts(job)}
    assert {place for place, keeps in kept.items() if keeps} == PUSHERS
    assert {place for place, job in JOBS.items() if job["permissions"].get("contents") == "write"} == PUSHERS
    assert len([step for job in JOBS.values() for step in checkouts(job)]) == 15
    told = re.findall(r"persist-credentials: true(.*)", "".join(path.read_text() for path in FILES.values()))
    assert all(re.match(r" # to push", reason) for reason in told)


def checkouts(job: dict[Any, Any]) -> list[dict[Any, Any]]:
    return [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]


def test_a_job_that_pushes_runs_mains_code_alone_and_believes_no_cache() -> None:
    for place in PUSHERS:
        used = [step["uses"].split("@")[0] for step in JOBS[place]["steps"] if "uses" in step]
        aside = ("actions/attest-build-provenance", "actions/create-github-app-token")
        used = [name for name in used if name not in aside]
        assert used == ["actions/checkout", "./.github/actions/setup", "./.github/actions/storage"]
        assert all("ref" not in step["with"] for step in checkouts(JOBS[place]))
        assert all(step["with"]["fetch-depth"] == 0 for step in checkouts(JOBS[place]))
    (setup,) = (step["with"] for action in ACTIONS for step in action["runs"]["steps"] if "setup-uv" in str(step))
    assert setup["enable-cache"] is False


def test_what_makes_tags_has_the_key_that_signs_them() -> None:
    makes = ("release --push", "promote ", "rollback ", "challenge ")
    making = [step for _, step in STEPS if step.get("run", "").partition("pipelines.")[2].startswith(makes)]
    assert len(making) > 4
    assert {step["env"]["SIGNING_KEY"] for step in making} == {"${{ secrets.DEPLOY_KEY }}"}


def test_what_writes_to_the_storage_has_an_environment_whose_variables_name_who_may() -> None:
    """The repository's name who may read, as pull requests train with them."""
    writing = ("release --push", "retrain --push", "score ")
    writers = {place for place in JOBS if any(run.startswith(writing) for run in runs(place))}
    assert writers == {("deploy", "staging"), ("retrain", "retrain"), ("score", "score")}
    assert {JOBS[place]["environment"] for place in writers} == {"release"}
    assert [place for place in writers if ON_MAIN not in JOBS[place]["if"]] == []
    strangers = {place for place in JOBS if place[0] in ("experiment", "report")}
    assert [place for place in strangers if "environment" in JOBS[place]] == []


def runs(place: tuple[str, str]) -> list[str]:
    """What a job runs, step by step."""
    return [step["run"].removeprefix("uv run --frozen python -m pipelines.") for step in shells(place)]


def shells(place: tuple[str, str]) -> list[dict[Any, Any]]:
    return [step for step in JOBS[place]["steps"] if "run" in step and step["run"] != "exit 0"]


def test_a_version_is_smoked_in_staging_before_production_and_announced_last() -> None:
    assert runs(("deploy", "staging")) == [
        "release --push",
        'promote staging "$VERSION" --accept-incomparable "$ACCEPT" --push',
        'smoke --stage staging --version "$VERSION" $STAGING_URL',
    ]
    assert runs(("deploy", "production")) == [
        'promote prod "$VERSION" --accept-incomparable "$ACCEPT" --push',
        'smoke --stage prod --version "$VERSION" $PRODUCTION_URL',
        'announce "$VERSION"',
    ]
    assert JOBS["deploy", "production"]["needs"] == ["staging"]


def test_the_version_reaches_every_step_that_names_it() -> None:
    outputs = {"version": "${{ steps.release.outputs.version }}", "waits": "${{ steps.promote.outputs.waits }}"}
    assert JOBS["deploy", "staging"]["outputs"] == outputs
    goes_on = "needs.staging.outputs.version != '' && needs.staging.outputs.waits == ''"
    assert JOBS["deploy", "production"]["if"] == f"${{{{ {goes_on} && {ON_MAIN} }}}}"
    assert shells(("deploy", "staging"))[0]["id"] == "release"
    sources = {"staging": "steps.release", "production": "needs.staging", "rollback": "steps.rollback"}
    for (workflow, job), step in [(place, step) for place in PUSHERS for step in shells(place)]:
        if "$VERSION" in step["run"]:
            assert step["env"]["VERSION"] == f"${{{{ {sources[job]}.outputs.version }}}}", workflow


def test_what_is_held_or_superseded_is_neither_smoked_nor_announced() -> None:
    version = "steps.release.outputs.version != ''"
    held = "steps.promote.outputs.held == ''"
    assert [step.get("if") for step in shells(("deploy", "staging"))] == [None, version, f"{version} && {held}"]
    for place in (("deploy", "production"), ("rollback", "rollback"), ("challenge", "challenge")):
        assert {step.get("if") for step in shells(place)} == {
            None
        }  # what is held fails, and GitHub shows no deployment
    (promote,) = (step for step in shells(("deploy", "staging")) if "pipelines.promote" in step["run"])
    assert promote["id"] == "promote"


@pytest.mark.parametrize(
    ("place", "step"),
    [(("deploy", "production"), 0), (("rollback", "rollback"), 0), (("challenge", "challenge"), 0)],
)
def test_production_lies_behind_the_environments_reviewers_and_asks_whether_there_are_any(
    place: tuple[str, str], step: int
) -> None:
    assert JOBS[place]["environment"] == {"name": "production", "url": "${{ vars.PRODUCTION_URL }}"}
    assert shells(place)[step]["env"]["GITHUB_TOKEN"] == "${{ github.token }}"  # noqa: S105 (it is none)
    assert JOBS[place]["permissions"]["actions"] == "read"
    assert 'hub.has_reviewers("production")' in (ROOT / "pipelines/promote.py").read_text()
    for name in ("rollback", "challenge"):
        assert "import door" in (ROOT / f"pipelines/{name}.py").read_text()


def test_a_deployment_is_never_cut_off_and_staging_never_waits_for_an_approval() -> None:
    groups = {place: JOBS[place].get("concurrency", WORKFLOWS[place[0]].get("concurrency")) for place in PUSHERS}
    assert groups == {
        ("deploy", "staging"): {"group": "deploy-staging", "cancel-in-progress": False},
        ("deploy", "production"): {"group": "deploy-production", "cancel-in-progress": False},
        ("retrain", "retrain"): {"group": "retrain", "cancel-in-progress": False},
        ("rollback", "rollback"): {"group": "rollback", "cancel-in-progress": False},
        ("challenge", "challenge"): {"group": "challenge", "cancel-in-progress": False},
    }


def test_template_itself_deploys_nothing_and_watches_nothing() -> None:
    for place in (("deploy", "staging"), ("monitor", "monitor"), ("retrain", "retrain"), ("score", "score")):
        assert GUARD in JOBS[place]["if"]


@pytest.mark.parametrize("name", [name for name, starters in STARTED_BY.items() if "workflow_dispatch" in starters])
def test_who_starts_a_workflow_on_another_branch_is_told_so(name: str) -> None:
    job = JOBS[name, "elsewhere"]
    not_there = ON_MAIN.replace("==", "!=")
    assert job["if"] in (f"${{{{ {not_there} }}}}", f"${{{{ github.event_name != 'schedule' && {not_there} }}}}")
    assert ("schedule" in STARTED_BY[name]) == ("schedule" in job["if"])
    assert [step["run"] for step in job["steps"]] == ["exit 1"]


@pytest.mark.parametrize("name", [name for name, starters in STARTED_BY.items() if "schedule" in starters])
def test_a_schedule_runs_though_its_event_says_of_no_repository(name: str) -> None:
    """So that neither its default branch nor whether it is a fork can be asked."""
    assert (
        ON_MAIN not in JOBS[name, name]["if"]
        or f"(github.event_name == 'schedule' || {ON_MAIN})" in JOBS[name, name]["if"]
    )


def test_what_is_not_configured_installs_nothing() -> None:
    assert "(inputs.input || vars.SCORE_INPUT) && (inputs.output || vars.SCORE_OUTPUT)" in JOBS["score", "score"]["if"]
    told, *steps = JOBS["monitor", "monitor"]["steps"]
    assert (told["if"], told["run"]) == ("env.STORE_URL == ''", "exit 0")
    assert {step["if"] for step in steps} == {"env.STORE_URL != ''", "always() && env.STORE_URL != ''"}


def test_a_run_that_was_cancelled_is_not_reported() -> None:
    """It has a newer one: two labels in a row would put `No report: cancelled` in the place of a good report."""
    for job in ("fetch", "judge", "report"):
        assert "github.event.workflow_run.conclusion != 'cancelled'" in JOBS["report", job]["if"]


def test_a_run_that_is_started_again_may_upload_again() -> None:
    uploads = [step["with"] for _, step in STEPS if "upload-artifact" in step.get("uses", "")]
    assert len(uploads) == 4
    assert all(given["overwrite"] is True for given in uploads)


def test_a_job_that_writes_does_so_on_the_default_branch_alone() -> None:
    """report.yml is always there: GitHub starts workflow_run on the default branch."""
    writes = {place for place, job in JOBS.items() if {*job["permissions"].items()} & WRITES}
    assert len(writes) > 6
    for place in writes - {("report", "report")}:
        assert ON_MAIN in JOBS[place]["if"], place


def test_monitor_starts_the_retraining_with_a_reason_that_it_takes() -> None:
    assert 'hub.start("retrain.yml", reason=' in (ROOT / "pipelines/monitor.py").read_text()
    assert set(triggers.triggers(WORKFLOWS["retrain"])["workflow_dispatch"]["inputs"]) == {"reason"}
    assert triggers.triggers(WORKFLOWS["retrain"])["repository_dispatch"] == {"types": ["retrain"]}
    assert runs(("retrain", "retrain")) == ['retrain --push --reason "$REASON"']


def test_scoring_takes_what_a_person_says_before_the_variables() -> None:
    (step,) = shells(("score", "score"))
    assert runs(("score", "score")) == ['score "$INPUT" "$OUTPUT" $VERSION']
    for name in ("input", "output"):
        assert step["env"][name.upper()] == f"${{{{ inputs.{name} || vars.SCORE_{name.upper()} }}}}"
    assert set(triggers.triggers(WORKFLOWS["score"])["workflow_dispatch"]["inputs"]) == {"input", "output", "version"}


def test_the_app_where_there_is_one_pushes_and_opens_the_pull_request() -> None:
    app, checkout, *_, step = JOBS["retrain", "retrain"]["steps"]
    assert (app["id"], app["if"]) == ("app", "vars.RETRAIN_APP_ID != ''")
    token = "${{ steps.app.outputs.token || github.token }}"  # noqa: S105 (it is none)
    assert checkout["with"]["token"] == step["env"]["GITHUB_TOKEN"] == token
    rights = {name for name in app["with"] if name.startswith("permission-")}
    assert rights == {"permission-contents", "permission-pull-requests"}


def test_the_owner_is_told_of_drift_and_of_a_candidate_that_loses() -> None:
    told = "${{ secrets.ALERT_URLS }}"
    assert JOBS["monitor", "monitor"]["env"]["ALERT_URLS"] == told
    assert shells(("deploy", "staging"))[0]["env"]["ALERT_URLS"] == told


def test_rollback_asks_for_a_reason() -> None:
    inputs = triggers.triggers(WORKFLOWS["rollback"])["workflow_dispatch"]["inputs"]
    assert inputs["reason"]["required"] is True
    assert not inputs["version"].get("required")
    assert '"$REASON"' in runs(("rollback", "rollback"))[0]


def test_a_challenger_is_put_there_as_it_was_asked_for_and_nobody_answers_people_by_default() -> None:
    inputs = triggers.triggers(WORKFLOWS["challenge"])["workflow_dispatch"]["inputs"]
    assert (inputs["mode"]["options"], inputs["mode"]["default"]) == (["shadow", "split", "end"], "shadow")
    (step,) = shells(("challenge", "challenge"))
    (run,) = runs(("challenge", "challenge"))
    assert run == 'challenge "$WANTED" --mode "$MODE" --share "$SHARE" --reason "$REASON" --push'
    given = {name: value for name, value in step["env"].items() if name not in ("GITHUB_TOKEN", "SIGNING_KEY")}
    asked = {"WANTED": "version", "MODE": "mode", "SHARE": "share", "REASON": "reason"}
    assert given == {name: f"${{{{ inputs.{field} }}}}" for name, field in asked.items()}


def test_no_secret_is_in_reach_of_a_pull_request() -> None:
    for name in ("checks", "experiment"):
        assert "secrets." not in FILES[name].read_text()
        assert "github.token" not in FILES[name].read_text()
    assert "pull_request_target" not in "".join(path.read_text() for path in FILES.values())


def test_trusted_half_checks_out_the_default_branch_alone() -> None:
    with_them = [step["with"] for name, step in STEPS if name == "report" and "checkout" in step.get("uses", "")]
    cml = with_them.pop()
    assert all("ref" not in own and "repository" not in own for own in with_them)
    assert (cml["repository"], cml["ref"]) == ("iterative/cml", "a3a66c74b218b08710f42bf599b066e37cb4cba7")


def test_experiment_is_of_the_head_with_all_its_history() -> None:
    (checkout,) = (step["with"] for step in checkouts(JOBS["experiment", "experiment-pass"]))
    assert checkout["fetch-depth"] == 0
    assert checkout["ref"].startswith("${{ github.event.pull_request.head.sha ||")


def test_what_a_pull_request_hands_in_is_uploaded_whatever_its_training_came_to() -> None:
    *_, train, upload = JOBS["experiment", "experiment-pass"]["steps"]
    assert train["run"].endswith('python -m pipelines.experiment --submit --base "$BASE" $FULL')
    assert upload["if"] == "always()"
    assert (upload["with"]["name"], upload["with"]["path"]) == ("submission", submission.FOLDER)


def test_artifacts_are_what_the_trusted_half_asks_for() -> None:
    places = [
        step["with"] for name, step in STEPS if name in ("experiment", "report") and "upload-artifact" in str(step)
    ]
    uploads = {place["name"]: place["path"] for place in places}
    comparison = {"comparison": "experiment/comparison.json"}
    assert uploads == {"submission": submission.FOLDER, "data": "experiment/data", **comparison}
    asked = "".join((ROOT / f"pipelines/{name}.py").read_text() for name in ("verdict", "publish"))
    assert set(re.findall(r'hub\.artifact\([\w.]+, "(\w+)"', asked)) == uploads.keys()


def test_judge_holds_nothing_that_a_model_could_take_and_reports_nothing_itself() -> None:
    assert set(JOBS["report", "judge"]["permissions"].values()) == {"read"}
    assert "secrets." not in FILES["report"].read_text()
    assert runs(("report", "fetch")) == ["fetch"]
    assert runs(("report", "judge")) == ["verdict"]
    assert runs(("report", "report")) == ["publish"]
    assert [JOBS["report", name].get("needs") for name in ("fetch", "judge", "report")] == [None, ["fetch"], ["judge"]]


def test_report_comes_whatever_became_of_the_judge_but_for_pushes_not_at_all() -> None:
    no_push = "github.event.workflow_run.event != 'push' && github.event.workflow_run.conclusion != 'cancelled'"
    assert JOBS["report", "report"]["if"] == f"${{{{ !cancelled() && {no_push} }}}}"
    assert JOBS["report", "judge"]["if"] == f"${{{{ !cancelled() && needs.fetch.result != 'failure' && {no_push} }}}}"
    assert no_push in JOBS["report", "fetch"]["if"]
    clouds = {name for names in (oidc.AWS, oidc.AZURE[:1], oidc.GOOGLE) for name in names}
    assert set(re.findall(r"vars\.(\w+)", JOBS["report", "fetch"]["if"])) == clouds


def test_no_failure_is_forgiven_but_a_missing_cml() -> None:
    forgiven = [step for _, step in STEPS if "continue-on-error" in step]
    assert [step["with"]["repository"] for step in forgiven] == ["iterative/cml"]


@pytest.mark.parametrize("workflow", ["checks", "image"])
def test_closing_job_needs_every_other_job_and_always_runs(workflow: str) -> None:
    job = f"{workflow}-pass"
    others = set(WORKFLOWS[workflow]["jobs"]) - {job, "elsewhere"}
    assert set(JOBS[workflow, job]["needs"]) == others
    assert JOBS[workflow, job]["if"] in ("always()", f"${{{{ always() && {GUARD} && {ON_MAIN} }}}}")


def test_template_itself_pushes_no_image() -> None:
    assert JOBS["image", "image"]["if"] == f"${{{{ {GUARD} && {ON_MAIN} }}}}"


def test_a_later_push_cancels_checks_but_never_a_report() -> None:
    assert WORKFLOWS["checks"]["concurrency"]["cancel-in-progress"] is True
    assert WORKFLOWS["report"]["concurrency"]["cancel-in-progress"] is False
    assert WORKFLOWS["image"]["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize(
    ("event", "payload", "started"),
    [
        ("pull_request", {"action": "opened", "pull_request": {"base": {"ref": "main"}}}, {"checks", "experiment"}),
        ("pull_request", {"action": "labeled", "pull_request": {"base": {"ref": "main"}}}, {"experiment"}),
        ("pull_request", {"action": "closed", "pull_request": {"base": {"ref": "main"}}}, set()),
        ("merge_group", {"action": "checks_requested"}, {"checks", "experiment"}),
        ("push", {"ref": "refs/heads/main"}, {"checks", "deploy", "experiment"}),
        ("push", {"ref": "refs/heads/other"}, set()),
        ("push", {"ref": "refs/tags/v1"}, set()),
        ("workflow_run", {"action": "completed", "workflow_run": {"name": "experiment"}}, {"report"}),
        ("workflow_run", {"action": "requested", "workflow_run": {"name": "experiment"}}, set()),
        ("workflow_run", {"action": "completed", "workflow_run": {"name": "checks"}}, set()),
    ],
)
def test_event_starts_what_it_should(event: str, payload: dict[str, Any], started: set[str]) -> None:
    assert {name for name, workflow in WORKFLOWS.items() if triggers.starts(workflow, event, payload)} == started


def test_pre_commit_clones_nothing() -> None:
    hooks = yaml.safe_load(Path(ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]


def test_main_alone_writes_the_cache_and_no_job_of_a_pull_request_reads_one() -> None:
    used = {
        place: step["uses"].split("@")[0]
        for place, job in JOBS.items()
        for step in job["steps"]
        if "actions/cache" in step.get("uses", "")
    }
    reads = "actions/cache/restore"
    assert used == {("experiment", "base"): "actions/cache", ("report", "fetch"): reads, ("report", "judge"): reads}
    assert JOBS["experiment", "base"]["if"] == "github.event_name == 'push'"
    assert JOBS["experiment", "experiment-pass"]["if"] == "github.event_name != 'push'"


def test_zizmor_finds_nothing() -> None:
    done = subprocess.run(
        ["zizmor", "--offline", "--quiet", ROOT / ".github"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    ignores = re.findall(r"# zizmor: ignore\[[\w-]+\](.*)", "".join(path.read_text() for path in FILES.values()))
    assert all(len(reason.split()) > 3 for reason in ignores)


def test_workflows_fit_githubs_schema() -> None:
    command = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *FILES.values()]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0
