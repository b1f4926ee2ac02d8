import msgspec
import numpy as np
import pandas as pd
import pytest

from mlops.contract import Column
from mlops.watching.layout import layout
from tests.mlops.watching.conftest import SCHEMA


def changed(model, **columns):
    schema = msgspec.structs.replace(SCHEMA, columns=SCHEMA.columns | columns)
    return msgspec.structs.replace(model.info, schema=schema)


def test_every_input_score_and_related_pair_is_counted(model, train):
    plan = layout(train, model.predict(train), model.info)
    assert {name: bins.role for name, bins in plan.bins.items()} == {
        "heat": "number", "dew": "number", "site": "text", "heat and dew": "pair", "score of 1": "score",
    }  # fmt: skip


def test_a_sensitive_column_is_not_as_the_store_holds_a_mask_instead(model, train):
    hidden = changed(model, heat=Column(type="number", roles=("input",), sensitive=True))
    assert set(layout(train, model.predict(train), hidden).bins) == {"dew", "site", "score of 1"}


def test_unrelated_numbers_of_different_units_are_no_pair(model, train):
    random = train.assign(dew=np.random.default_rng(0).normal(size=len(train)))
    assert layout(random, model.predict(train), model.info).pairs  # one unit
    apart = changed(model, dew=Column(type="number", roles=("input",), unit="%"))
    assert not layout(random, model.predict(train), apart).pairs


def test_numbers_with_few_values_have_a_bin_each(model, train):
    few = train.assign(heat=train.index % 3)
    edges = layout(few, model.predict(train), model.info).bins["heat"].edges
    assert [edge for edge in edges if 0 < edge < 2] == pytest.approx([0.5, 1.5])


def test_a_column_that_is_always_missing_has_one_bin(model, train):
    bins = layout(train.assign(heat=np.nan), model.predict(train), model.info).bins["heat"]
    assert (bins.edges, bins.size) == ([], 3)


def test_the_most_frequent_categories_have_a_bin_and_the_others_share_one(model):
    many = pd.DataFrame({"heat": 1.0, "dew": 2.0, "site": [f"s{i}" for i in range(1500)]})
    plan = layout(many, np.full((1500, 2), 0.5), model.info)
    assert (len(plan.bins["site"].values), len(plan.rare["site"])) == (1000, 500)
