"""What an environment of a tree's own must hold."""

from pathlib import Path

import pytest

from mlops import workspace


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
