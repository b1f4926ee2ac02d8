import pytest

from mlops.training import words
from mlops.training.search import Trial


@pytest.mark.parametrize(
    ("train", "validation", "says"),
    [
        (
            0.30,
            0.34,
            "Fits: 0.3000 on rows that it learnt from, 0.3400 on others, 0.5000 for the base rate. 80% of what",
        ),
        (
            0.10,
            0.45,
            "**Overfits**: 0.1000 on rows that it learnt from, 0.4500 on others, 0.5000 for the base rate. 88%",
        ),
        (0.10, 0.60, "**Overfits**"),
        (0.495, 0.499, "**Underfits**"),
    ],
)
def test_the_winner_is_told_to_over_or_underfit_by_what_it_gains_on_the_base_rate(train, validation, says):
    trial = Trial(number=1, settings={}, rounds=1, train=train, validation=validation)
    assert words.fitness(trial, 0.5).startswith(says)


def test_the_report_names_the_best_lists_the_others_and_says_what_failed():
    best = Trial(number=3, settings={"kind": "b", "rate": 0.1}, rounds=2, rows=1000, train=0.3, validation=0.35)
    failed = Trial(number=4, settings={"kind": "c"}, failed="ConvergenceWarning: no end\nin sight")
    told = words.render([best, failed], 0.5)
    assert told.startswith("### Best of 2: kind b, rate 0.1\n")
    assert "| 3 | 2 | 1,000 | 0.3000 | 0.3500 | kind b, rate 0.1 |" in told
    assert "Trial 4 (kind c) failed: ConvergenceWarning: no end\n" in told
