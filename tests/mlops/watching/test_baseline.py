import pytest

from mlops.contract import BadInput, save
from mlops.watching.baseline import Baseline


@pytest.fixture
def artifacts(tmp_path, model, train, tested):
    """What a release carries."""
    folder = tmp_path / "artifacts"
    save(folder / "model.onnx", model._session._model_bytes)
    save(folder / "model.json", model.info)
    train.to_parquet(folder / "train.parquet")
    tested.to_parquet(folder / "predictions.parquet")
    return folder


def test_what_is_kept_is_what_was_made(artifacts, tmp_path, base):
    made, kept = (Baseline.load(artifacts, tmp_path / "kept") for _ in range(2))
    assert len(list((tmp_path / "kept").iterdir())) == 1
    assert (made.train.columns["heat"] == base.train.columns["heat"]).all()
    assert made.plan == kept.plan
    for name in ("days", "rows", "target"):
        assert (getattr(made.train, name) == getattr(kept.train, name)).all()
    assert all((table == made.train.columns[name]).all() for name, table in kept.train.columns.items())
    assert (made.test.total == kept.test.total).all()
    assert (made.past.squares == kept.past.squares).all()


def test_what_is_kept_needs_no_training_rows_any_more(artifacts, tmp_path):
    Baseline.load(artifacts, tmp_path / "kept")
    (artifacts / "train.parquet").unlink()
    assert Baseline.load(artifacts, tmp_path / "kept").train.rows.sum() == 12_000


def test_another_model_is_not_taken_for_this_one(artifacts, tmp_path):
    Baseline.load(artifacts, tmp_path / "kept")
    (artifacts / "model.json").write_bytes((artifacts / "model.json").read_bytes() + b"\n")
    Baseline.load(artifacts, tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_model_that_is_missing_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"model\.onnx: no such file"):
        Baseline.load(tmp_path, tmp_path / "kept")
