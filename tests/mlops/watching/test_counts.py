import msgspec
import numpy as np
import pandas as pd
import pytest

from mlops.watching import counts
from mlops.watching.layout import FIRST, MISSING, OUTSIDE
from tests.mlops.watching.conftest import SCHEMA


@pytest.fixture
def counted(model, base):
    def count(rows):
        return counts.count(counts.batch(rows, model.info, model.predict(rows)), base.plan, model.info)

    return count


def test_chunks_add_up_to_the_whole_in_any_order(counted, week):
    whole, parts = counted(week), counted(week[300:]) + counted(week[:300])
    assert (whole.days == parts.days).all()
    assert (whole.rows == parts.rows).all()
    assert (whole.target == parts.target).all()
    assert all((table == parts.columns[name]).all() for name, table in whole.columns.items())


def test_a_day_is_a_local_one():
    times = pd.Series(pd.to_datetime(["2026-06-02T03:59Z", "2026-06-02T04:00Z"]))
    assert np.diff(counts.ordinals(times, "America/New_York")) == 1
    assert np.diff(counts.ordinals(times, "UTC")) == 0


def test_every_value_has_its_bin(counted, week):
    rows = week.head(4).assign(heat=[np.nan, 300.0, 50.0, 50.0], site=["A", None, "Z", "A"])
    found = counted(rows)
    heat, site = found.columns["heat"].sum(0), found.columns["site"].sum(0)
    assert (heat[MISSING], heat[OUTSIDE], heat[FIRST:].sum(), heat[-1]) == (1, 1, 3, 1)
    assert (site[MISSING], site[OUTSIDE], site[FIRST], site[-1]) == (1, 1, 2, 1)


def test_a_column_that_production_rows_lack_counts_as_missing(model, base, week):
    batch = counts.batch(week, model.info, model.predict(week))
    without = counts.Batch(batch.rows.drop(columns="site"), batch.day, batch.predicted, batch.target)
    assert counts.count(without, base.plan, model.info).columns["site"][:, MISSING].sum() == len(week)


def test_an_outcome_that_nobody_knows_counts_for_nothing(model, base, week):
    batch = counts.batch(week, model.info, model.predict(week))
    batch.target[:] = np.nan
    batch.target[:3] = [0, 1, 1]
    assert counts.count(batch, base.plan, model.info).target.sum(0).tolist() == [3, 1, 2]


def test_without_a_time_column_rows_fall_by_lot_into_days(model, train):
    info = msgspec.structs.replace(
        model.info,
        schema=msgspec.structs.replace(SCHEMA, columns={k: v for k, v in SCHEMA.columns.items() if k != "at"}),
    )
    days = counts.batch(train, info, model.predict(train)).day
    assert np.bincount(days).tolist() == [len(train) // 120] * 120
    assert abs(np.corrcoef(days, np.arange(len(days)))[0, 1]) < 0.05
