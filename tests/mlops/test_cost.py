import os
import re
import time

import pytest

from mlops import console, cost
from mlops.cost import Reused


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ([], "nothing to train"),
        ([("judge", "compare")], "nothing trained, all partitions known"),
        ([("head", "train"), ("judge", "compare")], "head trained, all partitions known"),
        (
            [("base", "train"), ("head", "validate"), ("head", "4 of 5 partitions known"), ("head", "train")],
            "base and head trained, 4 of 5 partitions known",
        ),
        (
            [("head", "12 of 13 partitions known"), ("head", "9 of 13 partitions known")],
            "nothing trained, 9 of 13 partitions known",
        ),
    ],
)
def test_what_an_experiment_reused_follows_from_what_its_sides_did(heard, said):
    told = []
    reused = Reused(lambda side, step: told.append((side, step)))
    for one in heard:
        reused(*one)
    assert (str(reused), told) == (said, heard)


def test_the_line_says_minutes_since_the_setup_hits_and_bytes_each_file_once(tmp_path):
    for place, size in {".dvc/cache/files": 14_000_000, ".dvc/storage": 9_000_000, ".dvc/seed": 3_000_000}.items():
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "one").write_bytes(bytes(size))
    os.link(tmp_path / ".dvc/cache/files/one", tmp_path / ".dvc/cache/files/other")
    assert cost.line(tmp_path, "nothing trained") == "Cost: nothing trained; cache 14 MB, storage in git 12 MB."
    (tmp_path / ".dvc/tmp").mkdir()
    (tmp_path / cost.BEGAN).touch()
    began = time.time() - 84
    os.utime(tmp_path / cost.BEGAN, (0, began))
    said = re.match(r"Cost: (\d+\.\d) minutes; nothing trained; ", cost.line(tmp_path, "nothing trained"))
    assert said
    assert 1.4 <= float(said[1]) <= round((time.time() - began) / 60, 1)


def test_every_summary_ends_with_the_cost_where_there_is_a_workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    console.summary("### Nobody reads this\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    console.summary("### Better\n")
    console.summary("### Worse\n", "nothing trained")
    assert (tmp_path / "summary").read_text() == (
        "### Better\n\nCost: nothing from a cache; cache 0 MB, storage in git 0 MB.\n\n"
        "### Worse\n\nCost: nothing trained; cache 0 MB, storage in git 0 MB.\n\n"
    )
