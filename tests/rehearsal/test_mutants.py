"""Workflows broken on purpose: each mutant must make at least one of the tests that read them fail."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, Project, clone

pytestmark = pytest.mark.xdist_group("mutants")  # they share a clone

CHALLENGE, CHECKS, DEPLOY, EXPERIMENT, IMAGE, MONITOR, REPORT, RETRAIN, ROLLBACK, SCORE = (
    f".github/workflows/{name}.yml"
    for name in (
        "challenge", "checks", "deploy", "experiment", "image", "monitor", "report", "retrain", "rollback", "score",
    )
)  # fmt: skip
SETUP = ".github/actions/setup/action.yml"
COMMENTING = "src/mlops/commenting.py"
SIGNING = "src/mlops/releasing/signing.py"
STATIC, SIGNED = "tests/test_workflows.py", "tests/mlops/releasing/test_signing.py"


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str
    killer: str = STATIC


MUTANTS = [
    Mutant("tools of the tests beside the deploy key", DEPLOY, "groups: training", "groups: dev training"),
    Mutant("judge without what it trains with", REPORT, "groups: training pipeline", "groups: pipeline"),
    Mutant("step that installs more", SETUP, "echo UV_NO_SYNC=1", "echo UV_NO_SYNC=0"),
    Mutant("cloud's packages forgotten", SETUP, " $CLOUDS)", ")"),
    Mutant("missing permission", REPORT, "      pull-requests: write # comment\n", ""),
    Mutant("status that may not be set", REPORT, "      statuses: write # set `verdict`\n", ""),
    Mutant("one right too many", EXPERIMENT, "contents: read", "contents: write"),
    Mutant("judge that may write", REPORT, "pull-requests: read # its labels", "pull-requests: write # its labels"),
    Mutant("judge that may log in at a cloud", REPORT, "      pull-requests: read # its labels\n",
           "      pull-requests: read # its labels\n      id-token: write # log in\n"),
    Mutant("judge that has the clouds' variables", REPORT, "      - uses: ./.github/actions/storage\n      - uses",
           "      - uses: ./.github/actions/storage\n        with:\n          variables: ${{ toJSON(vars) }}\n"
           "      - uses"),
    Mutant("judge and report in one", REPORT, "pipelines.verdict", "pipelines.publish"),
    Mutant("judge after a fetch that failed", REPORT, " && needs.fetch.result != 'failure'", ""),
    Mutant("no report where the judge failed", REPORT, "    needs: [judge]\n    if: ${{ !cancelled() && ",
           "    needs: [judge]\n    if: ${{ success() && "),
    Mutant("wrong artifact name", EXPERIMENT, "name: submission\n", "name: comparison\n"),
    Mutant("artifact only of a training that succeeds", EXPERIMENT, "      - if: always()\n        uses",
           "      - uses"),
    Mutant("cache for pull requests", EXPERIMENT,
           "      - run: uv run --frozen python -m pipelines.experiment --submit",
           "      - uses: actions/cache/restore@27d5ce7f107fe9357f9df03efb73ab90386fccae # v5.0.5\n        with:\n"
           "          path: .dvc/cache\n          key: experiment-\n"
           "      - run: uv run --frozen python -m pipelines.experiment --submit"),
    Mutant("cache written by the judge", REPORT, "actions/cache/restore@", "actions/cache@"),
    Mutant("base trained for pull requests", EXPERIMENT, "if: github.event_name == 'push'", "if: always()"),
    Mutant("pull request judged where it trains", EXPERIMENT, " --submit --base", " --base"),
    Mutant("secret for forks", EXPERIMENT, "          BASE:", "          KEY: ${{ secrets.KEY }}\n          BASE:"),
    Mutant("rights of main for forks", EXPERIMENT, "  pull_request:\n", "  pull_request_target:\n"),
    Mutant("queue not judged", EXPERIMENT, "  merge_group:\n", ""),
    Mutant("unpinned action", CHECKS, "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"),
    Mutant("wrong event", REPORT, "workflows: [experiment]", "workflows: [checks]"),
    Mutant("missing fetch-depth", EXPERIMENT, "fetch-depth: 0 # the merge", "fetch-depth: 1 # the merge"),
    Mutant("merge commit instead of the head", EXPERIMENT, "github.event.pull_request.head.sha || ", "", STATIC),
    Mutant("swallowed exit status", CHECKS, "= success\n", "= success || true\n"),
    Mutant("wrong needs", CHECKS, "needs: [check]", "needs: []"),
    Mutant("closing job skipped with what it needs", CHECKS, "if: always()", "if: success()"),
    Mutant("untrusted text in a shell", EXPERIMENT, ' --base "$BASE" $FULL', " --base ${{ github.head_ref }}"),
    Mutant("trusted half runs the fork's code", REPORT, "false\n      - uses: ./",
           "false\n          ref: ${{ github.event.workflow_run.head_sha }}\n      - uses: ./"),
    Mutant("failure forgiven", EXPERIMENT, "      - run: uv run --frozen python -m pipelines.experiment --submit",
           "      - continue-on-error: true\n        run: uv run --frozen python -m pipelines.experiment --submit"),
    Mutant("images pushed by the template", IMAGE, "!github.event.repository.is_template && ", ""),
    Mutant("images pushed from any branch", IMAGE, " && github.ref == format('refs/heads/{0}', "
           "github.event.repository.default_branch)", ""),
    Mutant("production from any branch", DEPLOY, "waits == '' && github.ref == format('refs/heads/{0}', "
           "github.event.repository.default_branch)", "waits == ''"),
    Mutant("held version shown as a deployment", DEPLOY, " && needs.staging.outputs.waits == ''", ""),
    Mutant("rollback behind a deployment", ROLLBACK, "group: rollback", "group: deploy-production"),
    Mutant("cancelled run reported", REPORT, "'push' && github.event.workflow_run.conclusion != 'cancelled' }}",
           "'push' }}"),
    Mutant("fork that deploys", DEPLOY, "!github.event.repository.fork && ", ""),
    Mutant("monitor that no schedule starts", MONITOR, "github.event_name == 'schedule' || ", ""),
    Mutant("environment installed for nothing", MONITOR, "      - if: env.STORE_URL != ''\n        uses: ./.github/ac"
           "tions/setup\n", "      - uses: ./.github/actions/setup\n"),
    Mutant("artifact of a second attempt refused", EXPERIMENT,
           "          overwrite: true # of a run that is started again\n", ""),
    Mutant("nothing said on another branch", ROLLBACK, "  elsewhere:", "  other:"),
    Mutant("rolled back from any branch", ROLLBACK, "if: ${{ github.ref ==", "if: ${{ github.ref !="),
    Mutant("images pushed by pull requests", IMAGE, "  push:\n", "  pull_request:\n"),
    Mutant("push of an image cancelled", IMAGE, "cancel-in-progress: false", "cancel-in-progress: true"),
    Mutant("deployment cut off by the next", DEPLOY, "group: deploy-staging\n      cancel-in-progress: false",
           "group: deploy-staging\n      cancel-in-progress: true"),
    Mutant("staging waits for an approval", DEPLOY, "group: deploy-staging", "group: deploy-production"),
    Mutant("production without its environment", DEPLOY, "    environment: # its reviewers are asked here; `nox -s "
           "settings` sets them\n      name: production\n      url: ${{ vars.PRODUCTION_URL }}\n", ""),
    Mutant("another environment", ROLLBACK, "      name: production\n", "      name: prod\n"),
    Mutant("production before the smoke test", DEPLOY, "needs: [staging]", "needs: []"),
    Mutant("promoted to production from staging's job", DEPLOY, "pipelines.promote staging", "pipelines.promote prod"),
    Mutant("smoke test forgiven", DEPLOY, "$STAGING_URL\n", "$STAGING_URL || true\n"),
    Mutant("held version smoked", DEPLOY, " && steps.promote.outputs.held == ''", ""),
    Mutant("no right to push tags", DEPLOY, "contents: write # push the stage's tag, and publish the release",
           "contents: read # check out"),
    Mutant("credentials thrown away", ROLLBACK, "persist-credentials: true # to push", "persist-credentials: false"),
    Mutant("template deploys itself", DEPLOY, "!github.event.repository.is_template", "true"),
    Mutant("deployed by pull requests", DEPLOY, "  push:\n", "  pull_request:\n"),
    Mutant("cache of unknown origin", DEPLOY, "      - id: release\n",
           "      - uses: actions/cache@27d5ce7f107fe9357f9df03efb73ab90386fccae # v5.0.5\n        with:\n"
           "          path: .dvc/cache\n          key: experiment-\n      - id: release\n"),
    Mutant("version misspelt", DEPLOY, "version: ${{ steps.release.outputs.version }}\n      waits",
           "version: ${{ steps.release.outputs.vesrion }}\n      waits"),
    Mutant("pull request without the right to open it", RETRAIN,
           "pull-requests: write # open the pull request, and bring it up to date", "pull-requests: read"),
    Mutant("reason in a shell", RETRAIN, '"$REASON"', '"${{ inputs.reason }}"'),
    Mutant("pushed past the App", RETRAIN, "          token: ${{ steps.app.outputs.token || github.token }}\n", ""),
    Mutant("owner not told", DEPLOY, "ALERT_URLS: ${{ secrets.ALERT_URLS }}", "ALERT_URLS: none"),
    Mutant("reason optional", ROLLBACK, "required: true", "required: false"),
    Mutant("reviewers not asked for", ROLLBACK, "          GITHUB_TOKEN: ${{ github.token }}\n", ""),
    Mutant("challenger past no reviewers", CHALLENGE, "    environment:\n      name: production\n      url: ${{ "
           "vars.PRODUCTION_URL }}\n", ""),
    Mutant("challenger answers people by default", CHALLENGE, "default: shadow", "default: split"),
    Mutant("`--publish` left on", COMMENTING, '"--publish=false", ', "", "tests/rehearsal/test_commenting.py"),
    Mutant("second comment behind thirty", COMMENTING, "CML_READS = 30", "CML_READS = 3000",
           "tests/rehearsal/test_commenting.py"),
    Mutant("attested without the right", DEPLOY, "      attestations: write # say that this workflow made the model\n",
           ""),
    Mutant("retraining with a pull request's identity", RETRAIN, "    environment: release", "    #"),
    Mutant("scoring with a pull request's identity", SCORE, "    environment: release", "    #"),
    Mutant("scoring on any branch", SCORE, "      && (github.event_name == 'schedule' || github.ref == format('refs/"
           "heads/{0}', github.event.repository.default_branch))\n", ""),
    Mutant("nothing signed", DEPLOY, "          SIGNING_KEY: ${{ secrets.DEPLOY_KEY }}\n", ""),
    Mutant("any key for production", SIGNING, '"-I", wanted', '"-I", "release"', SIGNED),
    Mutant("prod signed by the key of releases", SIGNING, '"prod": "production"', '"prod": "release"', SIGNED),
    Mutant("bad signed by nobody", SIGNING, ', "bad": "production"', "", SIGNED),
    Mutant("signature not looked at", SIGNING, 'if done.returncode else ""', 'if False else ""', SIGNED),
    Mutant("another tag's name", SIGNING, 'if f"tag {name}" not in', 'if "tag " not in', SIGNED),
    Mutant("another repository's tag", SIGNING, "if self.repository and", "if False and", SIGNED),
    Mutant("unsigned tags", SIGNING, "if not mark:", "if not mark:\n            return ''\n        if False:", SIGNED),
    Mutant("all tags from before", SIGNING, "(object, name) in self.before", "self.before", SIGNED),
    Mutant("tags from before by name", SIGNING, "(object, name) in self.before", "name in dict(self.before).values()",
           SIGNED),
    Mutant("signers of any branch", SIGNING, 'git(root, "show", f"{main}:{name}")', "(root / name).read_text()",
           SIGNED),
]  # fmt: skip


RUNS = """
import os, sys
import pytest, yaml, requests, msgspec, github  # once, and not anew for each mutant

for line in sys.stdin:
    folder, killer, log = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        os.chdir(folder)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        status = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", killer])
        sys.stdout.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
Verdict = Callable[[str], tuple[int, str]]


@pytest.fixture(scope="module")
def copy(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone that each test leaves as it was."""
    return clone(template, tmp_path_factory.mktemp("mutants") / "clone")


@pytest.fixture(scope="module")
def verdict(copy: Project) -> Iterator[Verdict]:
    """Runs a file of tests on the clone as it is, in a process of its own; status and output."""
    with subprocess.Popen(
        [sys.executable, "-c", RUNS], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runs:

        def run(killer: str) -> tuple[int, str]:
            log = copy.root.with_name("log")
            assert runs.stdin
            assert runs.stdout
            print(copy.root, killer, log, sep="\t", file=runs.stdin, flush=True)
            return int(runs.stdout.readline()), log.read_text(encoding="utf-8")

        yield run


@pytest.mark.parametrize("killer", sorted({mutant.killer for mutant in MUTANTS}))
def test_workflows_as_they_are_pass(killer: str, verdict: Verdict) -> None:
    status, output = verdict(killer)
    assert status == 0, output


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_killed(mutant: Mutant, copy: Project, verdict: Verdict) -> None:
    original = (copy.root / mutant.file).read_bytes()
    try:
        copy.edit(mutant.file, mutant.old, mutant.new)
        status, output = verdict(mutant.killer)
    finally:
        (copy.root / mutant.file).write_bytes(original)
    assert status == 1, output
