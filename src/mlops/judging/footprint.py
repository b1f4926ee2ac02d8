"""What a model costs to serve, against another: bytes, time to load, time for one row, memory of a process."""

import resource
import subprocess
import sys
import time
from pathlib import Path

from mlops.artifact import Model
from mlops.judging.record import Ratio
from mlops.params import Judge

LOADS, CALLS = 5, 100
PEAK = "import mlops.judging.footprint as f; model = f.held({!r}); print(f.peak())"


def measure(base: Path, head: Path, limits: Judge) -> list[Ratio]:
    """Measure both models (folders with model.onnx and model.json), times in turns and the best of many."""
    folders = {"base": base, "head": head}
    processes = {side: _start(folder) for side, folder in folders.items()}
    load = {side: float("inf") for side in folders}
    call = dict(load)
    for _ in range(LOADS):
        for side, folder in folders.items():
            load[side] = min(load[side], _timed(lambda: Model.load(folder)))  # noqa: B023 (called at once)
    models = {side: held(folder) for side, folder in folders.items()}
    for _ in range(CALLS):
        for side, model in models.items():
            one = {name: values[:1] for name, values in model.info.golden.rows.items()}
            call[side] = min(call[side], _timed(lambda: model.predict(one)))  # noqa: B023
    memory = {side: int(process.communicate()[0]) / 1e3 for side, process in processes.items()}
    return [
        _ratio("size", "kB", {side: model.size / 1e3 for side, model in models.items()}, limits.max_size),
        _ratio("time to load", "ms", {side: value * 1e3 for side, value in load.items()}, limits.max_load),
        _ratio("time for one row", "us", {side: value * 1e6 for side, value in call.items()}, limits.max_latency),
        _ratio("memory of a process", "MB", memory, limits.max_memory),
    ]


def held(folder: Path | str) -> Model:
    """A model that has answered once, so that all its memory is there."""
    model = Model.load(Path(folder))
    model.predict(model.info.golden.rows)
    return model


def peak() -> int:
    """Most memory that this process has held, in kB. Linux lets `ru_maxrss` inherit the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    return subprocess.Popen([sys.executable, "-c", PEAK.format(str(folder))], stdout=subprocess.PIPE, env=environment)


def _timed(action: object) -> float:
    start = time.process_time()  # not the clock on the wall, which other processes stretch
    action()  # type: ignore[operator]
    return time.process_time() - start


def _ratio(name: str, unit: str, values: dict[str, float], limit: float) -> Ratio:
    base, head = values["base"], values["head"]
    return Ratio(name=name, unit=unit, base=base, head=head, limit=limit, broken=head > limit * base)
