from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from mlops.artifact import Model
from mlops.contract import Schema, column
from mlops.params import Monitor
from mlops.training import fit
from mlops.watching import baseline, check
from mlops.watching.baseline import Baseline
from mlops.watching.traffic import Seen, Span

SCHEMA = Schema(
    task="binary",
    zone="America/New_York",
    columns={
        "at": column("timestamp", "time"),
        "heat": column("number", "input", unit="deg F", low=-40, high=120, missing=True),
        "dew": column("number", "input", unit="deg F", missing=True),
        "site": column("text", "input", categories=("A", "B", "C")),
        "late": column("integer", "target"),
    },
)
DAYS, ROWS = 120, 100
LIMITS = Monitor(owner="", days=7, min_rows=100, false_alarms=0.05, strong=1.5, confidence=0.95)


def weather(first, days, seed, warmer=0.0, rate=0.0):
    """`days` days of 100 rows from `first` on; the heat of a day depends on the day before."""
    random = np.random.default_rng(seed)
    daily = [0.0]
    for _ in range(days - 1):
        daily.append(0.7 * daily[-1] + random.normal())
    heat = 50 + warmer + 5 * np.repeat(daily, ROWS) + 3 * random.normal(size=days * ROWS)
    wall = pd.Timestamp(first) + pd.to_timedelta(np.arange(days * ROWS) * 24 / ROWS, "h")
    times = wall.tz_localize(SCHEMA.zone, nonexistent="shift_forward")
    site = random.choice(["A", "B", "C"], days * ROWS, p=[0.5, 0.3, 0.2])
    dew = heat - 16 + random.normal(size=days * ROWS)
    late = random.random(days * ROWS) < 1 / (1 + np.exp(1 - rate - (site == "A")))
    return pd.DataFrame(
        {"at": times.tz_convert("UTC"), "heat": heat, "dew": dew, "site": site, "late": late.astype(int)}
    )


@pytest.fixture(scope="session")
def train():
    return weather("2026-01-01", DAYS, seed=1)


@pytest.fixture(scope="session")
def test_rows():
    return weather("2026-05-01", 30, seed=2)


@pytest.fixture(scope="session")
def model(train):
    def build(_seed):
        return make_pipeline(make_column_transformer(("passthrough", ["heat", "dew"])), LogisticRegression())

    graph, classes = fit.fit(build, train, SCHEMA, 0)
    return Model(graph, fit.describe(graph, classes, train, SCHEMA, 0, {}))


@pytest.fixture(scope="session")
def tested(model, test_rows):
    """predictions.parquet, as stage evaluate writes it."""
    return test_rows.join(pd.DataFrame(model.predict(test_rows), columns=["probability_0", "probability_1"]))


@pytest.fixture(scope="session")
def base(model, train, tested):
    return Baseline.of(model, train, tested)


@pytest.fixture
def week():
    return weather("2026-06-01", 7, seed=3)


@pytest.fixture
def asked():
    return check.Question(LIMITS, "@owner", datetime(2026, 6, 8, 12, tzinfo=UTC))


@pytest.fixture
def judged(model, base, asked):
    """What a check makes of rows from June 1st on."""

    def judge(rows, limits=LIMITS, outcomes=True):
        seen = Seen(base.info, base.plan)
        batch = baseline.read(rows, model)
        seen.take(batch if outcomes else replace(batch, target=np.full(len(rows), np.nan)))
        span = Span.until(date(2026, 6, limits.days), limits.days, SCHEMA.zone)
        return check.judge(base, seen, span, replace(asked, limits=limits), "v1.0.0")

    return judge
