"""Send past rows through a service as requests at their own times, and their outcomes a day later.

Not a stage (it asks a service): FILES -> the service at --url, with SERVICE_TOKEN where it asks for one. Sending the
same rows again changes nothing.
"""

import argparse
import os
from pathlib import Path

import pandas as pd

from mlops import console, replay
from mlops.contract import BadInput, Schema
from mlops.training import read

LOCAL = "http://127.0.0.1:8080"  # of `nox -s serve`
LIVE = "live"


def main(options: argparse.Namespace, root: Path) -> None:
    token = os.environ.get("SERVICE_TOKEN", "")
    schema = replay.described(options.url, token)
    rows = load(options.files or read.partitions(root / LIVE), schema)
    with console.bar("rows", len(rows)) as said:
        done = replay.replay(options.url, rows, schema, said, token, options.batch, options.outcomes)
    console.say(f"{done.rows:,} rows, {done.outcomes:,} outcomes, {done.requests:,} requests, {done.seconds:.1f} s")
    console.say("all is in the store" if replay.shipped(options.url) else "not all is in the store yet")


def load(files: list[Path], schema: Schema) -> pd.DataFrame:
    """Rows of all files; the index has the file and the number of the row in it, from 1."""
    parts = {}
    for file in files:
        rows, complaints = read.partition(file, schema)
        if complaints:
            raise BadInput(complaints[0])
        parts[str(file)] = rows.set_axis(range(1, len(rows) + 1))
    return pd.concat(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="replay", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="Parquet or CSV; default: what lies in live/")
    parser.add_argument("--url", default=LOCAL, help=f"of the service; default: {LOCAL}")
    parser.add_argument("--batch", type=int, default=replay.BATCH, metavar="ROWS", help="a request; default: 1000")
    parser.add_argument("--no-outcomes", action="store_false", dest="outcomes", help="send the requests alone")
    main(parser.parse_args(), Path().resolve())
