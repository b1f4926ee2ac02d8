"""Answer requests with the version that releases/current names, and follow it.

Not a stage (it serves until it is stopped). Environment: STORE_URL (default sqlite:///store.db), SERVICE_TOKEN (a
bearer token that requests must bear). SIGTERM: answers what has come, ships what was collected, ends with 0.
"""

import argparse
import os
from pathlib import Path

import uvloop

from mlops import params
from mlops.serving import service
from mlops.store import Store


def main(options: argparse.Namespace, root: Path = Path()) -> None:
    limits = params.load(root).serve
    store = Store.connect(os.environ.get("STORE_URL", "sqlite:///store.db"))
    token = os.environ.get("SERVICE_TOKEN", "")
    made = service.Service(options.releases, options.spool, limits, store, token)
    uvloop.run(service.serve(made, options.host, options.port))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="serve", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--releases", type=Path, default=Path("releases"), help="folder that the agent fills")
    parser.add_argument("--spool", type=Path, default=Path("spool"), help="folder of what isn't shipped yet")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one; the log says which")
    main(parser.parse_args())
