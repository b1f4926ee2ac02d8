import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from mlops.contract import BadInput
from mlops.training import kept
from mlops.training.kept import Kept


@pytest.fixture
def files(tmp_path):
    for name in "abc":
        (tmp_path / name).write_text(name)
    return [tmp_path / name for name in "abc"]


class Maker:
    """Makes capitals, and remembers of which files."""

    def __init__(self):
        self.of = []

    def __call__(self, file):
        self.of.append(file.name)
        return file.read_bytes().upper()


def made(store, files, key="", **rest):
    maker = Maker()
    return list(store.each(maker, {file: [file.name, key] for file in files}, **rest)), maker.of


def test_what_was_made_before_is_not_made_again(tmp_path, files):
    assert made(Kept(tmp_path / "kept", "code"), files[:2]) == ([b"A", b"B"], ["a", "b"])
    store = Kept(tmp_path / "kept", "code")
    assert made(store, files[::-1]) == ([b"C", b"B", b"A"], ["c"])
    assert str(store) == "2 of 3 partitions known"


@pytest.mark.parametrize(("code", "key"), [("other", ""), ("code", "other")])
def test_other_code_or_settings_make_it_again(tmp_path, files, code, key):
    made(Kept(tmp_path / "kept", "code"), files)
    assert made(Kept(tmp_path / "kept", code), files, key)[1] == ["a", "b", "c"]
    assert made(Kept(tmp_path / "kept", "code"), files)[1] == []


@pytest.mark.parametrize(("end", "more"), [(-1, b""), (0, b""), (None, b"x")])
def test_a_damaged_entry_is_made_again(tmp_path, files, end, more):
    store = Kept(tmp_path / "kept", "code")
    made(store, files)
    entry = store._place(["b", ""])
    entry.write_bytes(entry.read_bytes()[:end] + more)
    assert made(store, files) == ([b"A", b"B", b"C"], ["b"])
    assert made(store, files)[1] == []


def test_what_is_no_content_is_handed_on_and_not_kept(tmp_path, files):
    store = Kept(tmp_path / "kept", "code")
    assert [str(one) for one in store.each(BadInput, dict.fromkeys(files, 0))] == [str(file) for file in files]
    assert not (tmp_path / "kept").exists()


def test_another_map_makes_what_is_new_and_only_that(tmp_path, files):
    store = Kept(tmp_path / "kept", "code")
    made(store, files[1:2])
    with ThreadPoolExecutor(2) as pool:
        assert made(store, files, mapping=pool.map)[0] == [b"A", b"B", b"C"]
    assert made(store, files)[1] == []


def test_processes_side_by_side_write_the_same(tmp_path, files):
    store = Kept(tmp_path / "kept", "code")
    with ProcessPoolExecutor(4, get_context("fork")) as pool:
        found = list(pool.map(made, [store] * 20, [files] * 20))
    assert [entries for entries, _ in found] == [[b"A", b"B", b"C"]] * 20
    assert len([path for path in (tmp_path / "kept").rglob("*") if path.is_file()]) == 3


def test_entries_are_in_the_cache_that_dvc_uses_unless_nothing_may_be_believed(tmp_path, monkeypatch):
    (tmp_path / ".dvc").mkdir()
    assert Kept.of(tmp_path).folder == tmp_path / ".dvc/cache/partitions"
    (tmp_path / ".dvc/config.local").write_text("[cache]\n    dir = /shared\n")
    assert Kept.of(tmp_path).folder == Path("/shared/partitions")
    monkeypatch.setenv(kept.SWITCH, "no")
    assert Kept.of(tmp_path).folder is None


def test_the_code_is_every_loaded_module_of_this_tree(tmp_path):
    source = Path(kept.__file__).parents[2]
    (tmp_path / "src").symlink_to(source)
    script = "import mlops.training.kept as k{}; print(k._code())"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    one, same, other = (
        subprocess.run(
            [sys.executable, "-c", script.format(more)], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for more in ("", ", json", ", mlops.rows")
    )
    assert one == same != other
