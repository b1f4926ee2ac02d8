"""What a tree needs of the storage, read from its pointers."""

import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from dvc_data.hashfile.tree import Tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from mlops import pointers
from mlops.contract import BadInput

ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
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


def listed(tree: Path, *paths: str) -> tuple[str, Path]:
    """A folder's list in a cache; its MD5, and the cache."""
    content = json.dumps([{"md5": D, "relpath": path} for path in paths])
    md5 = f"{hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()}.dir"
    return md5, put(tree / "cache", md5, content)


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("data.dvc", "outs: [{md5: MD5, path: ../data}]", "data.dvc: it names '../data'"),
        ("data.dvc", "outs: [{md5: MD5, path: data}]\nwdir: ..", "with wdir"),
        ("data.dvc", "outs: [{md5: MD5, path: data}]\ndeps: [{path: x, repo: {url: 'ext::sh -c x'}}]", "with deps"),
        ("data.dvc", "outs: [{md5: MD5, path: data}, {md5: MD5, path: src}]", "doesn't name one"),
        ("data.dvc", "outs: [{path: data}]", "doesn't name one"),
        ("data.dvc", "[", "doesn't name one"),
        ("data.dvc", "\0", "doesn't name one"),
        ("live.dvc", f"outs: [{{md5: {D}, path: src/problem/model.py}}]", "live.dvc: it names 'src/problem/model.py'"),
        ("dvc.lock", "stages: {train: {outs: [{md5: MD5, path: ../out}]}}", "'../out': it leaves"),
        ("dvc.lock", "stages: {train: {outs: [{md5: MD5, path: .git/hooks}]}}", "it leaves"),
        ("dvc.lock", "stages: {train: {outs: [{md5: MD5, path: link/out}]}}", "link: it is a link"),
        ("dvc.lock", "stages: []", "dvc.lock: it can't be read"),
        ("dvc.lock", "stages: {train: {outs: [{path: x, files: [{relpath: ../../x}]}]}}", "dvc.lock: "),
        ("dvc.lock", "stages: {train: {outs: [{path: x, md5: MD5, files: []}]}}", "dvc.lock: an output has files"),
        ("data.dvc", "outs: [{md5: INSIDE, path: data}]", "data/link: it is a link"),
        ("dvc.lock", "stages: {train: {outs: [{md5: BAD, path: repeats}]}}", "repeats: '../x': it leaves"),
        ("data.dvc", "outs: [{md5: BAD, path: data}]", "data: '../x': it leaves"),
        ("data.dvc", f"outs: [{{md5: {A}.dir, path: data}}]", "data/: nowhere"),
    ],
)
def test_what_would_be_laid_out_elsewhere_is_refused(tree: Path, file: str, text: str, why: str) -> None:
    good, place = listed(tree, "x.csv")
    bad, _ = listed(tree, "../x")
    (tree / "data.dvc").write_text(f"outs: [{{md5: {good}, path: data}}]")
    inside, _ = listed(tree, "link/x.csv")
    for link in (tree / "link", tree / "data/link"):
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(tree.parent)
    (tree / file).write_text(text.replace("MD5", good).replace("BAD", bad).replace("INSIDE", inside))

    def nowhere(_: str) -> bytes:
        raise pointers.Missing("nowhere")

    with pytest.raises(BadInput, match=re.escape(why)):
        pointers.check(tree, [place], nowhere, place)


def test_what_nobody_pushed_of_a_stage_is_no_fault_and_a_list_is_brought_to_be_looked_at(tree: Path) -> None:
    md5, place = listed(tree, "x.csv")
    (tree / "data.dvc").write_text(f"outs: [{{md5: {md5}, path: data, size: 3, nfiles: 1, hash: md5}}]")
    (tree / "dvc.lock").write_text(f"stages: {{train: {{outs: [{{md5: {A}.dir, path: repeats}}]}}}}")
    asked = []

    def get(md5: str) -> bytes:
        asked.append(md5)
        if md5.startswith(A):
            raise pointers.Missing(md5)
        return (place / pointers.relative(md5)).read_bytes()

    pointers.check(tree, [tree / "kept"], get, tree / "kept")
    pointers.check(tree, [tree / "kept"], get, tree / "kept")
    assert asked == [md5, f"{A}.dir", f"{A}.dir"]
    pointers.check(tree, [tree / "none"], None, tree / "none")


BAD = {
    "../yaml.py": "leaves the folder", "a/../../yaml.py": "leaves the folder", "/etc/passwd": "leaves the folder",
    "a//b": "leaves the folder", "a/": "leaves the folder", "": "leaves the folder", ".": "leaves the folder",
    ".git/config": "leaves the folder", "x/.GIT/hooks/a": "leaves the folder", "a\\..\\b": "character",
    "C:x": "character", "a\nb": "character", "a\0b": "character", "a\u202eb": "character", "x" * 1001: "longer",
}  # fmt: skip


@pytest.mark.parametrize("path", BAD)
def test_a_path_that_leaves_its_folder_is_refused_with_folder_path_and_reason(path: str) -> None:
    with pytest.raises(BadInput, match=f"^data: .*{BAD[path]}.*`dvc add`"):
        pointers.entries(json.dumps([{"md5": D, "relpath": path}]).encode(), "data")


@pytest.mark.parametrize(
    ("listing", "why"),
    [
        (b"", "can't be read"), (b"{}", "can't be read"), (b'[{"md5": 1, "relpath": "a"}]', "can't be read"),
        (b"\xff", "can't be read"),
        (json.dumps([{"md5": D.upper(), "relpath": "a"}]).encode(), "is no MD5"),
        (json.dumps([{"md5": f"{D}.dir", "relpath": "a"}]).encode(), "is no MD5"),
        (json.dumps([{"md5": D, "relpath": "a"}] * 2).encode(), "twice"),
        (json.dumps([{"md5": D, "relpath": "a"}, {"md5": D, "relpath": "a/b"}]).encode(), "a file and a folder"),
    ],
)  # fmt: skip
def test_a_list_that_dvc_never_wrote_is_refused(listing: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        pointers.entries(listing, "data")


@ANY_SPEED
@given(some.lists(some.text(alphabet="ab./\\:~\0 \u00e9\U0001f600", max_size=8), max_size=4))
def test_what_is_believed_lies_inside_the_folder(paths: list[str]) -> None:
    try:
        known = pointers.entries(json.dumps([{"md5": D, "relpath": path} for path in paths]).encode(), "data")
    except BadInput:
        return
    folder = Path("/nowhere/data")
    assert [path for path in known if not Path(os.path.normpath(folder / path)).is_relative_to(folder)] == []
    assert len({os.path.normpath(path) for path in known}) == len(paths)


@ANY_SPEED
@given(some.sets(some.text(alphabet="abc-_ 1\u00e9", min_size=1).map(lambda name: f"{name.strip() or 'x'}.parquet")))
def test_what_dvc_writes_is_believed(names: set[str]) -> None:
    listing = Tree.from_list([{"md5": D, "relpath": f"year/{name}"} for name in sorted(names | {"a"})], hash_name="md5")
    assert pointers.entries(listing.as_bytes(), "data") == {f"year/{name}": D for name in names | {"a"}}
