"""What an environment of a tree's own must hold, and what its steps are told and say."""

import subprocess
from pathlib import Path

import pytest

from mlops import workspace
from mlops.training import kept
from mlops.workspace import Workspace


@pytest.mark.parametrize(
    ("url", "groups"),
    [("s3://bucket/path", ["s3"]), ("azure://c/p", ["azure"]), ("gs://b", ["gs"]), ("storage", []), ("/mnt/s3", [])],
)
def test_cloud_that_keeps_a_trees_data_asks_for_its_dependency_group(
    url: str, groups: list[str], tmp_path: Path
) -> None:
    (tmp_path / ".dvc").mkdir()
    text = f"['remote \"seed\"']\n    url = seed\n['remote \"storage\"']\n    url = {url}\n"
    (tmp_path / ".dvc/config").write_text(text)
    assert workspace._cloud(tmp_path) == groups


def test_a_run_anew_tells_its_steps_to_believe_nothing_that_is_kept(tmp_path: Path) -> None:
    command = f"echo made >> made && echo ${kept.SWITCH} > told && echo 2 of 5 partitions known"
    (tmp_path / "dvc.yaml").write_text(f"stages: {{look: {{cmd: {command}, deps: [data], outs: [told]}}}}\n")
    (tmp_path / "params.yaml").touch()
    (tmp_path / "data").write_text("1")
    (tmp_path / "artifacts").mkdir()
    for words in (["init", "--no-scm"], ["add", "data"]):
        subprocess.run(["dvc", *words, "--quiet"], cwd=tmp_path, check=True)
    side, heard = Workspace(tmp_path, "HEAD", tmp_path), list[str]()
    side.reproduce("look", heard.append)
    assert (tmp_path / "told").read_text() == "\n"
    side.reproduce_anew("look", heard.append)
    assert (tmp_path / "told").read_text() == "no\n"
    assert (tmp_path / "made").read_text() == "made\n" * 2
    assert heard == ["look", "2 of 5 partitions known"] * 2
