"""The agent: follow a stage's tag in a git remote, and keep `releases/current` what it says.

Not a stage (it reads tags): writes releases/. Runs until it is ended; with --once until the stage is there.
"""

import argparse
from pathlib import Path

from mlops import params
from mlops.releasing import agent


def main(options: argparse.Namespace) -> None:
    follower = agent.Agent(options.remote, options.stage, options.releases)
    interval = options.interval or params.load().deploy.interval
    agent.follow(follower, interval, once=options.once)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="deploy", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--remote", required=True, metavar="URL", help="git repository, a URL or a folder")
    parser.add_argument("--stage", default="prod", help="staging, prod (default) or any other")
    parser.add_argument("--releases", type=Path, default=Path("releases"), help="folder (default: releases)")
    parser.add_argument("--interval", type=float, metavar="SECONDS", help="default: deploy.interval of params.yaml")
    parser.add_argument("--once", action="store_true", help="end as soon as the stage's version is there")
    main(parser.parse_args())
