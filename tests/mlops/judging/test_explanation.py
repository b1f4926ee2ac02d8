"""What the inputs of one row add to the usual prediction: exactly where it can be known, and always in sum."""

from itertools import permutations

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlops.artifact import Model
from mlops.contract import BadInput, Schema, column
from mlops.judging import explanation
from mlops.training import fit

SCHEMA = Schema(
    task="regression",
    columns={
        "wind": column("number", "input", unit="mph"), "rain": column("number", "input", unit="in"),
        "carrier": column("text", "input"), "delay": column("number", "target", unit="min"),
    },
)  # fmt: skip
UNKNOWN = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
ROW = {"wind": 2.0, "rain": -1.0, "carrier": "HA"}


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    made = pd.DataFrame(random.normal(size=(200, 2)), columns=["wind", "rain"])
    made["carrier"] = random.choice(["AA", "HA"], 200)
    made["delay"] = 3 * made["wind"] - made["rain"] * (made["carrier"] == "HA") + made["wind"] * made["rain"]
    return made


@pytest.fixture
def trained(rows):
    """Makes a model of `rows` from an estimator."""

    def make(estimator, schema=SCHEMA, rows=rows):
        encoded = make_column_transformer((UNKNOWN, ["carrier"]), ("passthrough", ["wind", "rain"]))
        graph, classes = fit.fit(lambda _seed: make_pipeline(encoded, estimator), rows, schema, 0)
        return Model(graph, fit.describe(graph, classes, rows, schema, 0, {}))

    return make


def one(row):
    """A row as the model takes rows."""
    return {name: [value] for name, value in row.items()}


def parts(found):
    return {one.input: one.part for one in found.contributions}


def test_inputs_of_a_linear_model_add_their_distance_from_the_mean(rows, trained):
    model = trained(LinearRegression())
    found = explanation.explain(model, ROW, model.predict(one(ROW))[0], rows)
    for name in ("wind", "rain"):
        shifted = {**ROW, name: float(rows[name].mean())}
        added = model.predict(one(ROW))[0] - model.predict(one(shifted))[0]
        assert parts(found)[name] == pytest.approx(float(added[0]), abs=1e-4)
    assert found.what == "delay"


def test_inputs_that_act_together_get_the_mean_over_all_orders(rows, trained):
    model = trained(RandomForestRegressor(5, random_state=0))
    found = explanation.explain(model, ROW, model.predict(one(ROW))[0], rows)
    exact = dict.fromkeys(ROW, 0.0)
    for order in permutations(ROW):
        now = {name: rows[name].to_numpy(object) for name in ROW}
        before = model.predict(now).mean()
        for name in order:
            now = {**now, name: np.full(len(rows), ROW[name], object)}
            after = model.predict(now).mean()
            exact[name] += (after - before) / 6
            before = after
    errors = {one.input: one.error for one in found.contributions}
    assert all(abs(parts(found)[name] - exact[name]) < 4 * errors[name] for name in ROW)
    assert max(errors.values()) < 0.25 * max(map(abs, exact.values()))
    assert [one.input for one in found.contributions] == sorted(ROW, key=lambda name: -abs(parts(found)[name]))


def test_contributions_add_up_to_the_prediction_and_are_the_same_each_time(rows, trained):
    model = trained(RandomForestRegressor(5, random_state=0))
    found, again = (explanation.explain(model, ROW, model.predict(one(ROW))[0], rows) for _ in range(2))
    assert found.usual + sum(parts(found).values()) == pytest.approx(found.predicted, abs=1e-9)
    assert found.usual == pytest.approx(model.predict(rows).mean())
    assert found == again


def test_another_answer_than_the_models_is_refused(rows, trained):
    model = trained(LinearRegression())
    with pytest.raises(BadInput, match=r"the model predicts .* for this row, and 99 was answered"):
        explanation.explain(model, ROW, np.array([99.0]), rows)


def test_a_masked_input_gets_what_the_others_leave_and_its_value_is_not_shown(rows, trained):
    hidden = SCHEMA.columns | {"wind": column("number", "input", sensitive=True)}
    model = trained(LinearRegression(), msgspec.structs.replace(SCHEMA, columns=hidden))
    answered = model.predict(one(ROW))[0]
    found = explanation.explain(model, {**ROW, "wind": "***"}, answered, rows)
    assert found.usual + sum(parts(found).values()) == pytest.approx(float(answered[0]), abs=1e-9)
    shifted = model.predict(one({**ROW, "wind": float(rows["wind"].mean())}))[0]
    assert parts(found)["wind"] == pytest.approx(float((answered - shifted)[0]), abs=1e-4)
    assert "| wind | masked: sensitive |" in explanation.render(found)


def test_a_class_is_explained_by_its_probability(rows, trained):
    rows["delay"] = np.where(rows["wind"] > 0.5, "late", np.where(rows["rain"] > 0, "on time", "early"))
    kinds = SCHEMA.columns | {"delay": column("text", "target")}
    model = trained(LogisticRegression(), Schema(task="multiclass", columns=kinds), rows)
    found = explanation.explain(model, ROW, model.predict(one(ROW))[0], rows)
    assert found.what == "probability of delay = late"
    assert found.contributions[0].input == "wind"


def test_the_table_names_values_units_and_errors_and_no_markup_of_the_data(rows, trained):
    model = trained(LinearRegression())
    row = {**ROW, "carrier": "<b>[HA](x)|"}
    text = explanation.render(explanation.explain(model, row, model.predict(one(row))[0], rows))
    assert "| input | value | unit | adds | standard error |" in text
    assert "| wind | 2 | mph | +" in text
    assert "| carrier | &lt;b&gt;\\[HA\\]\\(x\\)\\| |" in text
    assert "on average of 200 training rows" in text
