"""Try a service: that it answers with a version, golden rows, bad requests, a short load, its footprint.

Not a stage (it asks a service): `smoke URL`, or without a URL the stage's version, served on this machine.
Exit status: 0 all holds, 1 something doesn't.
"""

import argparse
import os
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from mlops import console, params, workspace
from mlops.releasing import local, registry, release, smoke, storage


def _artifacts(root: Path, known: registry.Registry, version: str | None) -> Path | None:
    if version is None:
        return None
    return release.fetch(root, known.commit(version), root / release.SCRATCH / version) / "artifacts"


def main(options: argparse.Namespace, root: Path) -> int:
    if workspace.git(root, "remote"):
        workspace.git(root, "fetch", "--quiet", "--force", "--tags", "origin")
    storage.pull(root)
    known = registry.Registry.read(root)
    version = options.version or known.current(options.stage)
    before = known.previous(options.stage)
    new, old = (_artifacts(root, known, name) for name in (version, before))
    with tempfile.TemporaryDirectory() as folder:
        here = local.served(root, str(root), options.stage, Path(folder))
        with nullcontext(options.url) if options.url else here as found:
            url = found if isinstance(found, str) else found.url
            token = os.environ.get("SERVICE_TOKEN", "")
            checks = [smoke.wait_for(url, version or "no version", options.patience, token)]
            if checks[0].holds:
                checks += smoke.run(url, new or Path(), old, params.load(root).judge, token)
    text = smoke.table(checks)
    console.summary(text)
    console.show(text)
    return int(not all(check.holds for check in checks))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="smoke", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url", nargs="?", help="address of a service; none: agent and service are started here")
    parser.add_argument("--stage", default="prod", help="default: prod")
    parser.add_argument("--version", help="default: the one in the stage")
    parser.add_argument("--patience", type=float, default=600, metavar="SECONDS", help="for the version to arrive")
    sys.exit(main(parser.parse_args(), Path().resolve()))
