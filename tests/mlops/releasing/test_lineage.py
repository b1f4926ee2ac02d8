"""From a version, or a prediction, back to all that it came from."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from mlops.artifact import Model
from mlops.contract import BadInput, ModelInfo, decode
from mlops.params import Deploy
from mlops.releasing import lineage, promotion, registry
from mlops.store import Prediction, Store
from pipelines import explain
from pipelines import lineage as step
from tests.mlops.releasing.conftest import digest

TRAILERS = "Verdict: better\nChampion: v0.9.0\nPull-Request: #7 by cleo\nApproved-By: dan\nRun: https://x/runs/3"


@pytest.fixture
def bea(clone, models):
    """v1.0.0 went to production and was rolled back from v1.1.0."""
    made = clone("bea")
    (made.root / "params.yaml").write_text("train:\n  seed: 3\n  model: {trees: 5}\n")
    (made.root / "artifacts").mkdir()
    (made.root / "artifacts/metrics.json").write_text(json.dumps({"log_loss": 0.25}))
    made.commit("Fewer trees")
    made.release("v1.0.0", models[0], TRAILERS)
    made.release("v1.1.0", models[1])
    door = promotion.Door(Deploy(approval="none", require_labels=[], margin=0, interval=1), reviewers=None)
    for version in ("v1.0.0", "v1.1.0"):
        promotion.promote(made.root, "prod", version, door)
    promotion.rollback(made.root, "prod", None, "too\tslow\tby far", door)
    return made


def test_a_version_leads_to_commit_pull_request_approver_params_data_and_metrics(bea, models):
    found = lineage.trace(bea.root, "v1.0.0")
    assert found.commit == registry.Registry.read(bea.root).commit("v1.0.0")
    assert (found.source, found.subject) == (bea.git("rev-parse", "main"), "Fewer trees")
    assert found.about == {
        "Pull-Request": "#7 by cleo", "Approved-By": "dan", "Run": "https://x/runs/3", "Champion": "v0.9.0",
        "Verdict": "better",
    }  # fmt: skip
    assert found.params == {"seed": 3, "model": {"trees": 5}}
    assert found.data["data"] in (bea.root / "data.dvc").read_text()
    assert found.models == {f"artifacts/{name}": digest(content) for name, content in models[0].items()}
    assert (found.metrics, found.again) == ({"log_loss": 0.25}, "nox -s reproduce -- model@v1.0.0")


def test_stages_are_told_with_who_and_why_whatever_the_reason_holds(bea):
    forth, back = lineage.trace(bea.root, "v1.0.0").stages
    assert forth.startswith("model#prod#1, 20")
    assert forth.endswith(", ann: v1.0.0 to prod")
    assert back.endswith(", ann: rollback from v1.1.0: too\tslow\tby far")
    assert lineage.trace(bea.root, "v1.1.0").stages[0].startswith("model#bad#1")


def test_an_unknown_version_is_refused_with_those_that_there_are(bea):
    with pytest.raises(BadInput, match=r"v9\.0\.0: no such version; known: v1\.0\.0, v1\.1\.0"):
        lineage.trace(bea.root, "v9.0.0")


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_URL", f"sqlite:///{tmp_path}/store.db")
    made = Store.connect(f"sqlite:///{tmp_path}/store.db")
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    made.add([Prediction(id="a", version="v1.0.0", at=noon, row={"wind": 3.5}, output={"value": 1.5})])
    return made


@pytest.mark.usefixtures("store")
def test_a_prediction_leads_to_its_version(bea, capsys):
    step.main(bea.root, "a")
    lines = [line.split("  ", 1) for line in capsys.readouterr().out.splitlines()]
    told = {name: value.strip() for name, value in lines}
    assert told["prediction"] == "a, 2026-05-01T12:00:00+00:00"
    assert (told["input"], told["output"]) == ("{'wind': 3.5}", "{'value': 1.5}")
    assert told["version"] == "v1.0.0 (tag model@v1.0.0)"
    assert told["approved by"] == "dan"


def test_a_prediction_of_the_challenger_leads_to_its_version_and_one_in_shadow_is_shown_beside(bea, store, capsys):
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for id in "ab":
        store.add([Prediction(id=id, role="challenger", version="v1.1.0", at=noon, row={}, output={"value": 2.5})])
    step.main(bea.root, "b")
    told = capsys.readouterr().out
    assert "challenger" in told
    assert "v1.1.0 (tag model@v1.1.0)" in told
    step.main(bea.root, "a")
    told = capsys.readouterr().out
    assert "v1.0.0 (tag model@v1.0.0)" in told
    assert "v1.1.0: {'value': 2.5}" in told


@pytest.mark.usefixtures("store")
def test_a_prediction_that_is_not_in_the_store_is_refused(bea):
    with pytest.raises(BadInput, match="prediction b: not in the store; STORE_URL names the one"):
        step.main(bea.root, "b")


def test_a_prediction_is_explained_by_the_model_of_its_version(clone, models, tmp_path, monkeypatch, capsys):
    made, (first, second, _) = clone("cleo"), models
    rows = pd.DataFrame({"carrier": ["AA", "HA"] * 20, "wind": np.linspace(0, 90, 40)})
    for version, files in (("v1.0.0", first), ("v1.1.0", second)):
        made.release(version, {**files, "train.parquet": rows.to_parquet()})
    model = Model(first["model.onnx"], decode(ModelInfo, first["model.json"], "model.json"))
    ((calm, late),) = model.predict({"carrier": ["AA"], "wind": [None]}).tolist()
    monkeypatch.setenv("STORE_URL", f"sqlite:///{tmp_path}/store.db")
    known = {"version": "v1.0.0", "at": datetime(2026, 5, 1, 12, tzinfo=UTC), "row": {"carrier": "AA"}}
    answers = {"a": [calm, late], "b": [late, calm]}
    stored = [Prediction(id=id, output={"probabilities": {"0": p, "1": q}}, **known) for id, (p, q) in answers.items()]
    Store.connect(f"sqlite:///{tmp_path}/store.db").add(stored)
    explain.main(made.root, "a")
    out = capsys.readouterr().out
    assert out.startswith("prediction a, 2026-05-01T12:00:00+00:00, by v1.0.0\n\nprobability of late = 1: ")
    assert "| wind | missing | mph | " in out
    with pytest.raises(BadInput, match=r"the model predicts .* for this row, and .* was answered"):
        explain.main(made.root, "b")
