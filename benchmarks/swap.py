"""What users notice of a deployment: ten of them and ten rollbacks, by tags pushed to a bare origin, under load.

Agent and service run as they would elsewhere, collection on; eight connections send a row each every 10 ms. A request
belongs to a switch if it was under way within half a second of the first answer of the new version. It was at rest if
no tag was being made, and none pushed that wasn't served for half a second. What is left belongs to neither. A tag
counts as pushed when its file is in the origin.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import stand, traffic
from benchmarks.claims import Claim, main
from benchmarks.traffic import Answer
from mlops.releasing import local, promotion, smoke
from mlops.releasing.registry import Registry

SECONDS, SWITCHES = 60.0, 20
AROUND = 0.5  # seconds, before and after
INTERVAL = 1.0
PATIENCE = 600.0  # seconds; ends a hang
STAGE = promotion.PRODUCTION
Numbers = NDArray[np.float64]


def measure(quick: bool) -> tuple[list[Claim], dict[str, Any]]:
    share = 0.1 if quick else 1.0
    switches = round(SWITCHES * share)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = stand.make(folder, switches // 2 + 1)
        door = promotion.Door(made.limits.deploy, reviewers=None)
        _deploy(made, made.versions[0], door)
        with local.served(made.project, str(made.origin), STAGE, folder / "run", interval=INTERVAL) as found:
            made.learn(found.url)
            with traffic.flowing(found.url, made.bodies, folder / "answers"):
                for version in made.versions[1:]:
                    for move in (_deploy, _roll_back):
                        start = time.monotonic()
                        move(made, version, door)
                        _await(found.url, made.moves[-1].version)
                        time.sleep(max(0.0, SECONDS / SWITCHES - (time.monotonic() - start)))
                        _settle(folder / "answers", made.moves[-1])
        answers = traffic.answers(folder / "answers")
    return _claims(made, answers)


def _await(url: str, version: str) -> None:
    """Until the service answers with the version, however slow this machine is."""
    if not smoke.wait_for(url, version, PATIENCE).holds:
        raise RuntimeError(f"{version} was never served")


def _settle(file: Path, move: stand.Move) -> None:
    """Until the client has been answered by the version, and again when nothing of the switch was left."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = [one for one in traffic.answers(file) if one.model == move.version and one.end >= move.before]
        if found and found[-1].start > found[0].end + AROUND:
            return
        time.sleep(0.2)
    raise RuntimeError(f"the client isn't answered by {move.version}")


def _deploy(made: stand.Stand, version: str, door: promotion.Door) -> None:
    move = made.moving(version)
    promotion.promote(made.project, STAGE, version, door)
    move.after = _pushed(made)


def _roll_back(made: stand.Stand, leaving: str, door: promotion.Door) -> None:
    move = made.moving(made.versions[0])
    promotion.rollback(made.project, STAGE, None, f"{leaving} was an example", door)
    move.after = _pushed(made)


def _pushed(made: stand.Stand) -> float:
    return (made.origin / f"refs/tags/{Registry.read(made.project).given(STAGE)}").stat().st_mtime


def _claims(made: stand.Stand, answers: list[Answer]) -> tuple[list[Claim], dict[str, Any]]:
    made.moves[0].served = made.moves[0].after
    for move in made.moves[1:]:
        ends = (one.end for one in answers if one.model == move.version and one.end >= move.before)
        move.served = min(ends, default=float("inf"))
    switched = made.moves[1:]
    waits = [move.served - move.after for move in switched]
    during = _milliseconds(answers, [(move.served - AROUND, move.served + AROUND) for move in switched])
    rest = _milliseconds(answers, [(move.before, move.served + AROUND) for move in switched], inside=False)
    near, far = (float(np.quantile(ms, 0.99)) for ms in (during, rest))
    return [
        Claim(f"requests that failed, of {len(answers):,}", sum(one.status != 200 for one in answers), 0),
        Claim("answers of a model that wasn't verified or wanted", len(made.wrong(answers)), 0),
        Claim(f"p99 during {len(switched)} switches / p99 at rest", near / far, 3),
        Claim("    p99 during a switch, ms", near),
        Claim("    p99 at rest, ms", far),
        Claim("    slowest answer during a switch, ms", float(during.max())),
        Claim("    slowest answer at rest, ms", float(rest.max())),
        Claim("tag pushed -> served, slowest, s", max(waits), INTERVAL + 2),
        Claim("    median, s", statistics.median(waits)),
    ], {"tag to served, s": waits, "requests": {"switch": len(during), "rest": len(rest)}}


def _milliseconds(answers: list[Answer], spans: list[tuple[float, float]], inside: bool = True) -> Numbers:
    """How long those answers took that were under way in (or outside) one of the spans of time."""
    return np.array(
        [
            one.seconds * 1e3
            for one in answers
            if any(start <= one.end and one.start <= end for start, end in spans) is inside
        ]
    )


if __name__ == "__main__":
    main(__doc__, measure)
