"""The same check carries other problems: a regression without a time column, and three classes."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from mlops.artifact import Model
from mlops.contract import Schema, column
from mlops.training import fit
from mlops.watching import check
from mlops.watching.baseline import Baseline, read
from mlops.watching.traffic import Seen, Span

ESTIMATORS = {"regression": LinearRegression, "multiclass": LogisticRegression}
TARGETS = {"regression": column("number", "target"), "multiclass": column("text", "target")}


def rows(task, n, seed, shift=0.0, more=0.0):
    random = np.random.default_rng(seed)
    size = random.normal(size=n) + shift
    level = size + more + 0.5 * random.normal(size=n)
    classes = pd.cut(level, [-np.inf, -0.5, 0.5, np.inf], labels=["low", "middle", "high"]).astype(object)
    return pd.DataFrame({"size": size, "y": level if task == "regression" else classes})


@pytest.fixture(params=["regression", "multiclass"])
def look(request, asked):
    """Rows of a task, and what a check makes of them."""
    task = request.param
    schema = Schema(task=task, columns={"size": column("number", "input"), "y": TARGETS[task]})
    train, test = rows(task, 6000, 1), rows(task, 1000, 2)

    def build(_seed):
        return make_pipeline(make_column_transformer(("passthrough", ["size"])), ESTIMATORS[task]())

    graph, classes = fit.fit(build, train, schema, 0)
    model = Model(graph, fit.describe(graph, classes, train, schema, 0, {}))
    names = [f"probability_{label}" for label in classes] or ["prediction"]
    base = Baseline.of(model, train, test.join(pd.DataFrame(model.predict(test), columns=names)))

    def judge(**changes):
        seen = Seen(base.info, base.plan)
        seen.take(read(rows(task, 700, 3, **changes), model))
        return check.judge(base, seen, Span.until(date(2026, 6, 7), 7, "UTC"), asked, "v1.0.0")

    return judge


def test_rows_like_those_of_the_training_need_nothing(look):
    found = look()
    assert (found.decision.action, found.alarms, found.performance.worse) == ("none", [], False)


def test_moved_inputs_and_scores_are_found(look):
    alarms = {(finding.kind, finding.column) for finding in look(shift=2.0).alarms}
    assert ("drift", "size") in alarms
    assert "score" in {kind for kind, _ in alarms}


def test_another_meaning_of_the_same_inputs_is_a_worse_loss(look):
    found = look(more=1.5)
    assert found.decision.action == "retrain"
    assert found.performance.worse
    assert {finding.kind for finding in found.alarms} == {"target"}
