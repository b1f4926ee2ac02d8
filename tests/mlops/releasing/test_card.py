import json
import shutil

import numpy as np
import pandas as pd
import pytest

from mlops import params
from mlops.contract import BadInput, save
from mlops.judging import report
from mlops.judging.record import Changes, Comparison, Decision, Side
from mlops.releasing import card
from tests.conftest import ROOT

LOST = Comparison(
    version=1, verdict="incomparable", decision=Decision(accepted=True, reasons=["a new major version"]),
    base=Side(commit="a" * 40), head=Side(commit="b" * 40), changes=Changes(),
    why=["the input 'wind' changed its unit"],
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, models):
    for name, content in models[0].items():
        save(tmp_path / "artifacts" / name, content)
    scores = {"log_loss": 0.25, "confusion": [[1, 2]]}
    save(tmp_path / "artifacts/metrics.json", json.dumps(scores).encode())
    test = pd.DataFrame({"carrier": ["AA", "HA"] * 50, "wind": np.linspace(0, 90, 100), "late": [0] * 50 + [1] * 50})
    save(tmp_path / "artifacts/test.parquet", test.to_parquet())
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def test_the_card_of_a_first_version_says_what_it_predicts_from_what_and_how_to_make_it_again(folder):
    text = card.describe("v1.0.0", None, folder, None, [])
    assert text.startswith("# Model v1.0.0\n\nPredicts `late` (binary) from 2 inputs. Trained on 60 rows, seed 0.\n")
    assert "| log_loss | 0.2500 |" in text
    wind, carrier = (line for line in text.splitlines() if line.startswith(("| `wind`", "| `carrier`")))
    assert wind.endswith("% | number | mph | 0 to 100 | yes |")
    assert carrier.endswith("% | text |  | AA, HA |  |")
    assert int(wind.split("|")[2].strip(" %")) > 80  # it comes first, as `late` follows it
    assert "`nox -s reproduce -- model@v1.0.0`" in text
    assert text.endswith("There was no champion to compare with.\n")


def test_the_card_says_for_what_the_model_is_not_meant_and_who_answers_for_it(folder):
    text = card.describe("v1.0.0", None, folder, None, [])
    meant = report.plain(params.load(ROOT).card.not_meant_for)  # of whoever adopted the template, too
    assert f"- **Not meant for:** {meant}\n" in text
    assert "- **Owner:** @\u200byour-org/data-scientists\n" in text
    assert "- **Sensitive columns**, masked in what is kept: none\n" in text


def test_a_version_without_a_purpose_has_no_card(folder):
    params = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(params[: params.index("  not_meant_for: ")] + "  not_meant_for: ''\n")
    with pytest.raises(BadInput, match=r"params.yaml: .*card.not_meant_for, got ''"):
        card.describe("v1.0.0", None, folder, None, [])


def test_what_is_no_number_is_no_row_of_the_metrics(folder):
    assert "confusion" not in card.describe("v1.0.0", None, folder, None, [])


def test_the_card_of_a_later_one_has_the_comparison_and_what_was_merged(folder):
    text = card.describe("v2.0.0", "v1.0.0", folder, LOST, ["abc1234 Wind in m/s", "def5678 | x | [y](z)"])
    assert "What it brings:\n\n- abc1234 Wind in m/s\n" in text
    assert "## Against the champion v1.0.0\n" in text
    assert "### Incomparable" in text
    assert "There was no champion" not in text


def test_text_of_commits_and_categories_is_no_markdown(folder, models):
    hostile = "<img src=x> [click](http://x) | `"
    info = json.loads(models[0]["model.json"])
    info["schema"]["columns"]["carrier"]["categories"] = [hostile]
    save(folder / "artifacts/model.json", json.dumps(info).encode())
    text = card.describe("v2.0.0", "v1.0.0", folder, LOST, [hostile])
    assert "<img" not in text
    assert "[click](http" not in text
    assert all(line.count("|") - line.count("\\|") == 7 for line in text.splitlines() if line.startswith("| `carrier`"))
