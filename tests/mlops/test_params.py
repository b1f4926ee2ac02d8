import re
from pathlib import Path

import msgspec
import pytest
import yaml

from mlops import params
from mlops.contract import BadInput

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def written(folder, block, key, value):
    content = yaml.safe_load(SHIPPED.read_text())
    content[block][key] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [
        ("validate", "max_dropped", 0),
        ("prepare", "test_period", "week"),
        ("prepare", "sample_rows", None),
        ("train", "seed", 2**32 - 1),
        ("train", "model", {"anything": [1, "two"]}),
        ("judge", "confidence", 0.99),
    ],
)
def test_a_value_in_range_is_taken(tmp_path, block, key, value):
    loaded = params.load(written(tmp_path, block, key, value))
    assert msgspec.to_builtins(loaded)[block][key] == value


@pytest.mark.parametrize(
    ("block", "key", "value", "fault"),
    [
        ("validate", "max_dropped", 1.5, "Expected `float` <= 1.0 (at validate.max_dropped, got 1.5)"),
        ("prepare", "test_share", 0, "Expected `float` > 0.0 (at prepare.test_share, got 0)"),
        ("prepare", "test_period", "fortnight", "Invalid enum value 'fortnight' (at prepare.test_period, got"),
        ("prepare", "sample_rows", 0, "Expected `int` >= 1 (at prepare.sample_rows, got 0)"),
        ("prepare", "test_rows", "many", "Expected `int`, got `str` (at prepare.test_rows, got 'many')"),
        ("train", "seed", -1, "Expected `int` >= 0 (at train.seed, got -1)"),
        ("judge", "confidence", 95, "Expected `float` < 1.0 (at judge.confidence, got 95)"),
        ("judge", "trainings", 1, "Expected `int` >= 2 (at judge.trainings, got 1)"),
        ("judge", "max_gain", None, "Expected `float`, got `null` (at judge.max_gain, got None)"),
        ("judge", "slice_margins", 0.1, "unknown key 'slice_margins' (at judge); did you mean 'slice_margin'?"),
        ("train", "optimizer", 1, "unknown key 'optimizer' (at train); known: seed, model"),
    ],
)
def test_a_faulty_key_or_value_is_refused_by_name(tmp_path, block, key, value, fault):
    with pytest.raises(BadInput, match=re.escape(f"params.yaml: {fault}")):
        params.load(written(tmp_path, block, key, value))


def test_the_engine_is_this_process_where_nothing_else_is_said(tmp_path):
    content = yaml.safe_load(SHIPPED.read_text())
    assert content.pop("engine") == "local"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    assert params.load(tmp_path).engine == "local"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content | {"engine": "ray"}))
    with pytest.raises(BadInput, match=r"Invalid enum value 'ray' \(at engine, got 'ray'\)"):
        params.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "expected one block a step, got None"),
        (b"- judge", "expected one block a step, got ['judge']"),
        (b"judge: [1", "not valid YAML"),
        (b"judge: \xff", "not valid YAML"),
        (b"judges: {}", "unknown key 'judges'; did you mean 'judge'?"),
    ],
)
def test_a_file_that_holds_no_blocks_is_refused(tmp_path, content, fault):
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(BadInput, match=f"params.yaml: {re.escape(fault)}"):
        params.load(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"params.yaml: no such file; run from the root"):
        params.load(tmp_path)


def test_settings_of_the_problem_are_refused_with_their_place():
    class Settings(msgspec.Struct, forbid_unknown_fields=True):
        trees: int

    with pytest.raises(BadInput, match=r"train.model: unknown key 'tree'; did you mean 'trees'\?"):
        params.convert({"tree": 3}, Settings, "params.yaml: train.model")
