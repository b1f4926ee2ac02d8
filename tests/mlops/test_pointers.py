"""What a tree needs of the storage, read from its pointers."""

import json
from pathlib import Path

import pytest

from mlops import pointers

A, B, C, D = (letter * 32 for letter in "abcd")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "data.dvc").write_text(f"outs: [{{md5: {A}.dir, path: data}}]")
    (tmp_path / "dvc.lock").write_text(
        f"stages: {{train: {{outs: [{{md5: {B}, path: model}}, {{md5: {C}, path: metrics}}]}}}}"
    )
    (tmp_path / "dvc.yaml").write_text("stages: {train: {outs: [model], metrics: [{metrics: {cache: false}}]}}")
    return tmp_path


def put(place: Path, md5: str, content: str) -> Path:
    file = place / pointers.relative(md5)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return place


def test_data_and_cached_outputs_are_needed_and_what_git_keeps_is_not(tree: Path) -> None:
    assert pointers.needed(tree) == {f"{A}.dir": "data", B: "model"}


def test_output_with_a_remote_of_its_own_is_left_to_it(tree: Path) -> None:
    (tree / "live.dvc").write_text(f"outs: [{{md5: {D}, path: live, remote: elsewhere}}]")
    assert D not in pointers.needed(tree)


def test_tree_without_a_pipeline_needs_its_data(tree: Path) -> None:
    (tree / "dvc.lock").unlink()
    (tree / "dvc.yaml").unlink()
    assert pointers.needed(tree) == {f"{A}.dir": "data"}


def test_folder_is_its_list_and_its_files_where_the_list_is_known(tmp_path: Path) -> None:
    place = put(tmp_path / "cache", f"{A}.dir", json.dumps([{"md5": D, "relpath": "x.csv"}]))
    assert pointers.whole({f"{A}.dir": "data"}, [tmp_path / "none", place]) == {f"{A}.dir": "data", D: "data/x.csv"}
    assert pointers.whole({f"{A}.dir": "data"}, [tmp_path / "none"]) == {f"{A}.dir": "data"}


def test_missing_names_the_files_or_all_of_it(tree: Path, tmp_path: Path) -> None:
    assert pointers.missing(tree, "data", [tmp_path / "cache"]) == [f"data ({A}.dir)"]
    place = put(tmp_path / "cache", f"{A}.dir", json.dumps([{"md5": D, "relpath": "x.csv"}]))
    assert pointers.missing(tree, "data", [place]) == [f"data/x.csv ({D})"]
    put(place, D, "1")
    assert pointers.missing(tree, "data", [place]) == []


def test_a_stage_lacks_its_data_or_what_it_made_until_all_of_it_is_there(tree: Path, tmp_path: Path) -> None:
    place = put(tmp_path / "cache", f"{A}.dir", json.dumps([{"md5": D, "relpath": "x.csv"}]))
    for md5 in (B, C, D):
        assert pointers.lacks(tree, "data", "train", [place])
        put(place, md5, "1")
    assert not pointers.lacks(tree, "data", "train", [place])
    (tree / "dvc.lock").unlink()
    assert not pointers.lacks(tree, "data", "train", [place])
