"""`nox -s search` on the real flights, and the algorithms that it chooses from."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest

from mlops.contract import Schema, column
from mlops.training import fit
from problem import model
from tests.conftest import Project

SMALL = {"trials: 18": "trials: 5", "rows: 40000": "rows: 3000", "folds: 3 #": "folds: 2 #", "[50, 100, 200]": "[20]"}
TASKS = {"binary": ("integer", [0, 1]), "multiclass": ("text", list("abc")), "regression": ("number", [0.5, 7, 9, 11])}


@pytest.mark.parametrize("algorithm", ["boosting", "forest", "linear"])
@pytest.mark.parametrize("task", TASKS)
def test_every_algorithm_takes_gaps_and_new_words_and_converts(task: str, algorithm: str) -> None:
    type, values = TASKS[task]
    schema = Schema(
        task=task,
        columns={
            "word": column("text", "input", missing=True),
            "size": column("number", "input", missing=True),
            "y": column(type, "target"),
        },
    )
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"word": random.choice(["one", "two", None], 300), "y": random.choice(values, 300)})
    rows["size"] = np.where(random.random(300) < 0.2, np.nan, random.integers(900, 1100, 300))
    settings = model.Settings(algorithm=algorithm, learning_rate=0.1, trees=20, leaves=15, strength=1.0)
    graph, classes = fit.fit(lambda seed: model.build(settings, schema, seed), rows, schema, 0)
    assert (len(graph) > 500, classes) == (True, [] if task == "regression" else values)


def test_a_search_keeps_every_trial_and_writes_the_best_of_them(project: Project) -> None:
    for old, new in SMALL.items():
        project.edit("params.yaml", old, new)
    project.commit("a small search")
    done = project.step("search")
    assert done.returncode == 0, done.stderr
    assert re.match(r"### Best of 6: algorithm \w+, ", done.stdout)
    assert re.search(
        r"^(Fits|\*\*Overfits\*\*|\*\*Underfits\*\*): 0\.\d+ on rows that it learnt", done.stdout, re.MULTILINE
    )
    trials = json.loads((project.root / "search/trials.json").read_bytes())
    assert {trial["settings"].get("algorithm") for trial in trials} == {None, "boosting", "forest", "linear"}
    assert trials[0]["validation"] < next(trial["validation"] for trial in trials if not trial["settings"])

    diff = project.must("git", "diff", "--unified=0", "params.yaml")
    changed = re.findall(r"^\+    (\w+): ([^ ]+)( #.*)?$", diff, re.MULTILINE)
    assert changed
    assert all(str(trials[0]["settings"][name]) == value for name, value, _ in changed)
    assert re.findall(r"^-    \w+: [^ ]+( #.*)?$", diff, re.MULTILINE) == [comment for *_, comment in changed]

    shown = list(csv.DictReader(project.must("dvc", "exp", "show", "--csv").splitlines()))
    kept = {row["Experiment"]: row for row in shown if row["Experiment"].startswith("search-")}
    assert set(kept) == {f"search-0-{trial['number']:02}" for trial in trials}
    assert float(kept[f"search-0-{trials[0]['number']:02}"]["validation"]) == pytest.approx(trials[0]["validation"])


def test_a_space_with_a_setting_that_the_model_does_not_have_is_refused_by_name(project: Project) -> None:
    project.edit("params.yaml", "trees: [50, 100, 200]", "tree: [50]")
    done = project.step("search")
    assert done.returncode == 1
    assert done.stderr == "error: params.yaml: search.space: unknown key 'tree'; did you mean 'trees'?\n"
