import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops.contract import BadInput, Schema, column
from mlops.training import folds, search
from mlops.training.search import Trial

NUMBERS = {"x": column("number", "input"), "z": column("number", "input")}
BINARY = Schema(task="binary", columns={**NUMBERS, "y": column("integer", "target")})
REGRESSION = Schema(task="regression", columns={**NUMBERS, "y": column("number", "target")})
TRIALS = [Trial(number=number, settings={"x": number}) for number in range(9)]


def measured(trial, share):
    """A loss that is the better the larger the number, apart from luck on few rows; odd ones fail on many."""
    if share > 0.5 and trial.number == 7:
        return msgspec.structs.replace(trial, failed="too large")
    return msgspec.structs.replace(trial, rounds=trial.rounds + 1, validation=1 / (1 + trial.number), train=0.0)


def each(measure):
    """A round of trials that are measured one by one."""
    return lambda alive, share: [measure(trial, share) for trial in alive]


def test_the_last_round_has_all_rows_and_at_most_as_many_trials_as_are_cut():
    assert search.shares(9, 3) == [1 / 3, 1]
    assert search.shares(10, 3, most=0.9) == pytest.approx([0.1, 0.3, 0.9])
    assert search.shares(1, 3) == [1]


def test_each_round_keeps_the_best_share_and_params_yaml_as_it_is():
    seen = {}

    def counted(trial, share):
        seen.setdefault(share, []).append(trial.number)
        return measured(trial, share)

    found = search.halve(TRIALS, search.shares(9, 3), 3, each(counted))
    assert list(seen.values()) == [list(range(9)), [8, 7, 6, 0]]
    assert [trial.number for trial in found] == [8, 6, 0, 5, 4, 3, 2, 1, 7]


def test_a_trial_that_fails_is_kept_as_failed_and_stops_nothing():
    found = search.halve(TRIALS, search.shares(9, 3), 3, each(measured))
    assert [(trial.number, trial.failed) for trial in found if trial.failed] == [(7, "too large")]


def test_a_search_in_which_all_fail_says_why():
    with pytest.raises(BadInput, match="none of 9 trials could be measured; the first one failed: no"):
        search.halve(TRIALS, [1], 3, each(lambda trial, _: msgspec.structs.replace(trial, failed="no")))


def bench(schema, loss):
    kind = Ridge if schema.task == "regression" else LogisticRegression

    def build(settings):
        return lambda _: make_pipeline(StandardScaler(), kind(**settings))

    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(400, 2)), columns=["x", "z"])
    signal = rows["x"] + random.normal(size=400)
    target = signal if schema.task == "regression" else (signal > 0).astype(int)
    return search.Bench(rows.assign(y=target), schema, 2, build, loss, 0)


def brier(rows, _info, predicted):
    return float(((predicted[:, -1] - rows["y"]) ** 2).mean())


def test_a_trial_is_measured_on_rows_that_it_has_not_learnt_from():
    sound = bench(BINARY, brier)
    found = sound.measure(Trial(number=0, settings={"C": 1.0}), 1.0)
    assert (found.failed, found.rounds, found.rows) == (None, 1, int(sound.parts[-1][0].sum()))
    assert found.train < found.validation < sound.base_rate() == pytest.approx(0.25, abs=0.01)


def test_the_base_rate_of_a_regression_is_the_mean():
    told = bench(REGRESSION, brier)
    assert told.measure(Trial(number=0, settings={}), 1.0).validation < told.base_rate()
    assert told.base_rate() == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"max_iter": 1}, "ConvergenceWarning: "), ({"C": -1.0}, "C"), ({"penalty": "l7"}, "penalty")],
)
def test_what_does_not_converge_or_is_refused_has_failed_with_the_reason(settings, reason):
    found = bench(BINARY, brier)
    failed = found.measure(Trial(number=0, settings=settings), 1.0)
    assert reason in failed.failed
    assert failed.rounds == 0


def test_a_loss_that_is_no_number_has_failed():
    found = bench(BINARY, lambda *_: float("nan"))
    assert found.measure(Trial(number=0, settings={}), 1.0).failed == "its loss is no number: it diverged"


def test_a_small_share_still_learns_from_some_hundred_rows():
    found = bench(BINARY, brier)
    assert folds.sampled(found.rows, BINARY, 0.01).sum() < 20
    assert found.measure(Trial(number=0, settings={}), 0.01).rows > 150
