import msgspec
import pytest

from mlops.contract import save
from mlops.judging import footprint


@pytest.mark.parametrize(("limit", "broken"), [(1.5, True), (3.0, False)])
def test_a_model_that_costs_more_than_its_limit_breaks_the_guard(side, flights, schema, limits, limit, broken):
    small = side("small", flights(50, 1), schema("wind"), trainings=1).folder
    large = small.with_name("large")
    graph = (small / "model.onnx").read_bytes()
    save(large / "model.json", (small / "model.json").read_bytes())
    save(large / "model.onnx", graph + b"\x32" + bytes([len(graph) % 128 | 128, len(graph) // 128]) + b"x" * len(graph))
    size, *others = footprint.measure(small, large, msgspec.structs.replace(limits, max_size=limit))
    assert (size.name, size.head / size.base, size.broken) == ("size", pytest.approx(2, abs=0.1), broken)
    assert [row.unit for row in others] == ["ms", "us", "MB"]
    assert all(row.base > 0 and not row.broken for row in others)
