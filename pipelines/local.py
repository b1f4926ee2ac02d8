"""Start agent and service against this repository, and print an address and a curl line that works.

Not a stage: runs until Ctrl-C. Where no version is in the stage yet, it makes one of the work tree's commit, as a merge
would. What is served, the spool and the store lie in .dvc/tmp/local.
"""

import argparse
import json
import signal
import sys
import time
import urllib.request
from pathlib import Path

from mlops import console, params
from mlops.releasing import local, promotion, registry, release, storage


def main(options: argparse.Namespace, root: Path) -> None:
    if registry.Registry.read(root).current(options.stage) is None:
        console.say("No version is in this stage yet: making one of HEAD (its tags are in this repository alone) ...")
        storage.pull(root)
        with console.progress() as say:
            made = release.release(root, say, lambda tree: storage.send(root, tree), {}, remote=None)
        door = promotion.Door(params.load(root).deploy, reviewers=None)
        console.say(promotion.promote(root, options.stage, made.version or "", door, remote=None))
    folder = root / ".dvc/tmp/local"
    with local.served(root, str(root), options.stage, folder, options.port) as found:
        with urllib.request.urlopen(f"{found.url}/schema", timeout=60) as answer:  # noqa: S310 (loopback)
            described = json.load(answer)
        body = described["components"]["schemas"]["Request"]["example"]
        console.say(f"{found.url} answers, and follows {options.stage} of this repository. Try:\n")
        console.say(f"curl -s {found.url}/predict -H 'Content-Type: application/json' -d '{json.dumps(body)}'\n")
        console.say(f"What both say is in {found.log}. Ctrl-C ends them.")
        try:
            while found.service.poll() is None:
                time.sleep(0.5)
        except KeyboardInterrupt:
            console.say("ending")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that its processes end with it
    parser = argparse.ArgumentParser(prog="serve", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stage", default=promotion.PRODUCTION, help="default: prod")
    parser.add_argument("--port", type=int, default=8080, help="default: 8080; 0 takes a free one")
    main(parser.parse_args(), Path().resolve())
