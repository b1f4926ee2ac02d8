"""Pull requests that the gate must refuse, each with a twin that it must let pass, on the real flights."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Project, clone

pytestmark = pytest.mark.xdist_group("experiments")  # they share a base, which is trained once


@pytest.fixture
def project(quicker: Path, tmp_path: Path, shared: Path) -> Project:
    return clone(quicker, tmp_path / "clone", shared)


FEATURES, MODEL, PARAMS, SCHEMA = (
    "src/problem/features.py", "src/problem/model.py", "params.yaml", "src/problem/schema.py",
)  # fmt: skip
Edit = tuple[str, str, str]
SLOWER: Edit = (PARAMS, "learning_rate: 0.3", "learning_rate: 0.1")

FLIPPING = """class Flipping(Pipeline):
    def fit(self, inputs, wanted):
        flipped = inputs["carrier"].isin({carriers}).to_numpy()
        return super().fit(inputs, abs(wanted - flipped))


def build("""


def flipping(carriers: list[str]) -> list[Edit]:
    """Learn the opposite for some carriers, in a model that is better on the whole."""
    return [
        SLOWER,
        (MODEL, "def build(", FLIPPING.replace("{carriers}", repr(carriers))),
        (MODEL, "return Pipeline(", "return Flipping("),
    ]


def numbers_by(step: str, imported: str) -> list[Edit]:
    return [
        (FEATURES, "from sklearn.preprocessing", f"{imported}\nfrom sklearn.preprocessing"),
        (FEATURES, '"passthrough"', step),
    ]


def seeded_by(seed: str) -> list[Edit]:
    return [(MODEL, "random_state=seed", f"max_features=0.5,\n        random_state={seed}")]


PICKING = """import mlops.training.split

whole = mlops.training.split.draw


def picked(rows, schema, limits, wanted):
    drawn = whole(rows, schema, limits, wanted)
    return drawn[~drawn["sample test"] | (drawn["carrier"] != "UA")]


mlops.training.split.draw = picked
CARRIERS = ("""


@dataclass(frozen=True)
class PullRequest:
    """`status` is the experiment's exit status, `says` what its report or its error must hold."""

    name: str
    edits: list[Edit]
    status: int
    says: str


KNOWN = [
    PullRequest("a worse model", [(PARAMS, "learning_rate: 0.3", "learning_rate: 1.0")], 1, "Worse: log loss"),
    PullRequest("a better model", [SLOWER], 0, "Better: log loss"),
    PullRequest(
        "an input known only afterwards",
        [(SCHEMA, '"arr_delay": column("number", "ignored"', '"arr_delay": column("number", "input"')],
        1,
        "Suspicious: log loss",
    ),
    PullRequest(
        "an input known beforehand",
        [SLOWER, (SCHEMA, '"month": column("integer", "ignored"', '"month": column("integer", "input"')],
        0,
        "Nothing is too good to be true",
    ),
    PullRequest("a schema that the data breaks", [(SCHEMA, "high=23", "high=12")], 2, "column 'hour'"),
    PullRequest("a schema that the data keeps", [(SCHEMA, "high=23", "high=24")], 0, "Inconclusive"),
    PullRequest("a slice that collapses while the mean improves", flipping(["VX"]), 1, "worse in slice carrier VX"),
    PullRequest("the same code with no slice harmed", flipping([]), 0, "Better: log loss"),
    PullRequest(
        "a model five times as large",
        [(PARAMS, "learning_rate: 0.3", "learning_rate: 0.02"), (PARAMS, "trees: 100", "trees: 500")],
        1,
        "size is ",
    ),
    PullRequest("a model twice as large", [SLOWER, (PARAMS, "trees: 100", "trees: 150")], 0, "no guard broken"),
    PullRequest(
        "a step that ONNX can't express",
        numbers_by("FunctionTransformer(abs)", "from sklearn.preprocessing import FunctionTransformer"),
        2,
        "step 'features/numbers' (FunctionTransformer) doesn't convert to ONNX",
    ),
    PullRequest(
        "a step that ONNX can express",
        numbers_by('SimpleImputer(strategy="median")', "from sklearn.impute import SimpleImputer"),
        0,
        "no guard broken",
    ),
    PullRequest("a training that can't be repeated", [SLOWER, *seeded_by("None")], 1, "isn't reproducible"),
    PullRequest("a change that picks its test rows", [(SCHEMA, "CARRIERS = (", PICKING)], 0, "tested on 28,128 rows"),
    PullRequest("a random training with a seed", [SLOWER, *seeded_by("seed")], 0, "the same bytes"),
]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_known_pull_request_ends_as_it_must(known: PullRequest, project: Project) -> None:
    for edit in known.edits:
        project.edit(*edit)
    done = project.experiment()
    assert done.returncode == known.status, done.stdout + done.stderr
    assert known.says in done.stdout + done.stderr
    if known.status < 2:
        found = json.loads((project.root / "experiment/comparison.json").read_text())
        assert found["decision"]["accepted"] == (known.status == 0)
    else:
        assert "failed: head: " in done.stderr
        assert "Traceback" not in done.stderr
