"""What a model costs to serve, against another: bytes, time to load, time for one row, memory of a process."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from mlops import confined
from mlops.artifact import feeds, read_info
from mlops.contract import ModelInfo
from mlops.judging.record import Ratio
from mlops.params import Judge

LOADS, CALLS = 10, 100


def measure(base: Path, head: Path, limits: Judge) -> list[Ratio]:
    """Measure both models (folders with model.onnx and model.json), each in a process of its own.

    Times are taken in turns, and the best of many counts: others on the machine stretch most, but not all.
    """
    folders = {"base": base, "head": head}
    graphs = {side: (folder / "model.onnx").read_bytes() for side, folder in folders.items()}
    infos = {side: read_info(folder) for side, folder in folders.items()}
    load, call = (dict.fromkeys(folders, float("inf")) for _ in range(2))
    with ExitStack() as stack:
        held = {side: stack.enter_context(confined.process(side, confined.Limits())) for side in folders}
        for _ in range(LOADS):
            for side, process in held.items():
                load[side] = min(load[side], process.load([graphs[side]]).seconds)
        memory = {side: _warm(process, infos[side]) / 1e3 for side, process in held.items()}
        for _ in range(CALLS):
            for side, process in held.items():
                one = {name: values[:1] for name, values in infos[side].golden.rows.items()}
                call[side] = min(call[side], process.run(0, feeds(one, infos[side].schema))[1].seconds)
    return [
        _ratio("size", "kB", {side: len(graph) / 1e3 for side, graph in graphs.items()}, limits.max_size),
        _ratio("time to load", "ms", {side: value * 1e3 for side, value in load.items()}, limits.max_load),
        _ratio("time for one row", "us", {side: value * 1e6 for side, value in call.items()}, limits.max_latency),
        _ratio("memory of a process", "MB", memory, limits.max_memory),
    ]


def _warm(process: confined.Process, info: ModelInfo) -> int:
    """Peak of its memory in kB once a model has answered for its golden rows, so that all of it is there."""
    _, answer = process.run(0, feeds(info.golden.rows, info.schema))
    return answer.peak


def _ratio(name: str, unit: str, values: Mapping[str, float], limit: float) -> Ratio:
    base, head = values["base"], values["head"]
    return Ratio(name=name, unit=unit, base=base, head=head, limit=limit, broken=head > limit * base)
