"""Score files of rows with the production version: INPUT, Parquet or CSV, one or a folder -> OUTPUT, one Parquet each.

Not a stage (it reads tags): both may be folders, or s3://, az://, gs://. What is finished is left as it is, so that
after a kill the same command does the rest. Exit status: 0 done, or not configured; 1 a file can't be scored, and why.
"""

import argparse
import time
from pathlib import Path

from mlops import console, engine, params
from mlops.artifact import Model, check_golden
from mlops.contract import BadInput
from mlops.releasing import promotion, registry, release
from mlops.scoring import places, score
from mlops.scoring.places import Place

SCRATCH, NEEDED = ".dvc/tmp/score", ("model.onnx", "model.json")
HOW = "not configured: set the variables SCORE_INPUT and SCORE_OUTPUT to a folder, s3://, az:// or gs:// each"
MOST_ERRORS = 20
AT_ONCE = 2  # files: one is read or written while the model works on the other


def main(options: argparse.Namespace, root: Path) -> None:
    if not (options.input and options.output):
        console.tell(HOW)
        return
    start, known = time.monotonic(), registry.Registry.read(root)
    version = options.version or known.current(promotion.PRODUCTION)
    if version is None:
        raise BadInput("no version is in production: `nox -s promote -- v1.0.0` puts one there, or say --version")
    folder = release.fetch(root, known.commit(version), root / SCRATCH / version, NEEDED) / "artifacts"
    check_golden(Model.load(folder), version)
    source, parts = places.partitions(Place.of(options.input), target := Place.of(options.output))
    graph, info = ((folder / name).read_bytes() for name in NEEDED)
    job = score.Job(version, graph, info, source, target, options.batch)
    done = []
    kind = params.load(root).engine
    with engine.opened(kind, threads=AT_ONCE) as mapping, console.bar("partitions", len(parts)) as said:
        for one in mapping(job.score, parts):
            said(1)
            done.append(one)
    text = score.told(done, version, time.monotonic() - start)
    console.tell(text)
    errors = [one.failed for one in done if one.failed]
    if errors:
        raise BadInput("\n".join(errors[:MOST_ERRORS]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="score", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("input", help="a .parquet or .csv file, or a folder of them")
    parser.add_argument("output", help="a folder")
    parser.add_argument("--version", metavar="v1.2.0", help="default: the one in production")
    parser.add_argument("--batch", type=int, default=65_536, metavar="ROWS", help="at a time; default: 65536")
    main(parser.parse_args(), Path().resolve())
