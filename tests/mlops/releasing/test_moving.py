"""Moving the storage: everything arrives whole before .dvc/config names the new place."""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops import workspace
from mlops.contract import BadInput
from mlops.objects import Objects, Remote
from mlops.pointers import relative
from mlops.releasing import moving, storage
from mlops.releasing.bucket import Bucket
from tests.mlops.releasing.conftest import Clone, digest

Make = Callable[[str], Clone]
KNOWN = r"expected push, pull, s3://bucket/path, azure://bucket/path, gs://bucket/path, or the path of a folder"


@pytest.fixture
def pushed(clone: Make) -> Clone:
    """A clone whose second version of the data is on the branch, beside the first."""
    ann = clone("ann")
    for content in (b"first", b"second"):
        ann.add({"a.csv": content})
        storage.push(ann.root)
        ann.commit()
    return ann


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


def test_all_versions_and_what_is_bundled_arrive(pushed: Clone, folder: Path) -> None:
    told = moving.move(pushed.root, moving.target(str(folder)))
    there = Bucket(storage.remote(pushed.root)).listed()
    assert {digest(content) for content in (b"bundled", b"first", b"second")} <= there.keys()
    assert told.startswith(f"{folder} is the storage now: 6 objects")
    pushed.commit()
    assert Objects(pushed.root, "HEAD").get(digest(b"second")) == b"second"


def test_moving_twice_changes_nothing(pushed: Clone, folder: Path) -> None:
    to = moving.target(str(folder))
    moving.move(pushed.root, to)
    config, files = (pushed.root / ".dvc/config").read_bytes(), {f: f.stat().st_mtime_ns for f in folder.rglob("*")}
    moving.move(pushed.root, to)
    assert (pushed.root / ".dvc/config").read_bytes() == config
    assert {f: f.stat().st_mtime_ns for f in folder.rglob("*")} == files


def test_push_goes_where_the_storage_was_moved(pushed: Clone, folder: Path) -> None:
    moving.move(pushed.root, moving.target(str(folder)))
    pushed.add({"a.csv": b"third"})
    assert storage.push(pushed.root).sent == 2
    assert (folder / relative(digest(b"third"))).read_bytes() == b"third"
    assert list(folder.rglob("*.part")) == []


def test_object_that_was_cut_short_is_sent_again(pushed: Clone, folder: Path) -> None:
    moving.move(pushed.root, moving.target(str(folder)))
    (folder / relative(digest(b"second"))).write_bytes(b"sec")
    assert storage.push(pushed.root).sent == 1
    (folder / relative(digest(b"second"))).write_bytes(b"SECOND")
    assert storage.push(pushed.root).sent == 0
    assert storage.push(pushed.root, check=True).sent == 1
    assert (folder / relative(digest(b"second"))).read_bytes() == b"second"


def test_from_a_bucket_to_a_folder_by_way_of_this_machine(pushed: Clone, folder: Path, s3: str) -> None:
    moving.move(pushed.root, Remote("s3://models/moved", s3))
    pushed.add({"a.csv": b"third"})
    storage.push(pushed.root)
    (pushed.root / ".dvc/cache" / relative(digest(b"third"))).unlink()
    moving.move(pushed.root, moving.target(str(folder)))
    assert (folder / relative(digest(b"third"))).read_bytes() == b"third"
    assert storage.remote(pushed.root) == Remote(str(folder.resolve()))
    assert workspace.clouds(pushed.root) == ["s3"]  # from where older versions are read


def test_damaged_object_at_the_new_place_stops_the_move(pushed: Clone, folder: Path) -> None:
    target = folder / relative(digest(b"first"))
    target.parent.mkdir(parents=True)
    target.write_bytes(b"FIRST")
    before = (pushed.root / ".dvc/config").read_bytes()
    with pytest.raises(BadInput, match=f"something else as object {digest(b'first')}; delete it there"):
        moving.move(pushed.root, moving.target(str(folder)))
    assert (pushed.root / ".dvc/config").read_bytes() == before
    target.unlink()
    moving.move(pushed.root, moving.target(str(folder)))


def test_data_that_is_nowhere_stops_the_move(pushed: Clone, folder: Path) -> None:
    listing = pushed.add({"a.csv": b"third"})
    (pushed.root / ".dvc/cache" / relative(digest(b"third"))).unlink()
    with pytest.raises(BadInput, match=r"data/a\.csv: neither on this machine nor in the storage"):
        moving.move(pushed.root, moving.target(str(folder)))
    assert storage.remote(pushed.root).on_branch
    assert listing in Bucket(Remote(str(folder))).listed()


@pytest.mark.parametrize("keys", [{"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "stranger"}])
def test_bucket_that_refuses_leaves_everything_as_it_was(
    keys: dict[str, str], pushed: Clone, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    to = Remote("s3://models/refused", s3)
    to.open()[0].clear_instance_cache()
    with pytest.raises(BadInput, match=r"^s3://models/refused: "):
        moving.move(pushed.root, to)
    assert pushed.git("status", "--porcelain") == ""


@pytest.mark.usefixtures("keys")
def test_server_that_does_not_answer_leaves_everything_as_it_was(
    pushed: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(BadInput, match=r"^s3://models/x: Could not connect to the endpoint URL"):
        moving.move(pushed.root, Remote("s3://models/x", "http://127.0.0.1:9"))
    assert pushed.git("status", "--porcelain") == ""


@pytest.mark.parametrize(("scheme", "said"), [("azure", "AZURE_CLIENT_ID"), ("gs", "GOOGLE_WORKLOAD"), ("s3", "AWS_")])
def test_configuration_names_the_cloud_and_a_person_hears_of_the_variables_to_set(
    scheme: str, said: str, pushed: Clone, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cloud is a folder here."""
    monkeypatch.setattr(Bucket, "_reached", _as_folder(folder))
    account = "acme" if scheme == "azure" else ""
    advice = moving.move(pushed.root, moving.target(f"{scheme}://b/p", account=account))
    assert said in advice
    assert "to write `repo:OWNER/NAME:environment:release` alone" in advice
    assert "`repo:OWNER@ID/NAME@ID:...`" in advice
    assert workspace.clouds(pushed.root) == [scheme]  # whose group jobs and sessions bring
    assert pushed.git("status", "--porcelain").splitlines() == ["M .dvc/config"]
    assert ("account_name = acme" in (pushed.root / ".dvc/config").read_text()) is (scheme == "azure")


def _as_folder(folder: Path) -> object:
    return contextmanager(lambda _: (yield Remote(str(folder)).open()))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("pus", KNOWN), ("s3://", KNOWN), ("http://host/path", KNOWN), ("s3:/bucket/path", "no such folder"),
        ("/no/such/folder", "no such folder; make it first"),
    ],
)  # fmt: skip
def test_place_that_is_none_is_refused(url: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        moving.target(url)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/path", {}), ("s3://bucket/path", {"endpoint": "http://here"}), ("gs://bucket/a/b", {}),
        ("azure://container/path", {"account": "acme"}),
    ],
)  # fmt: skip
def test_url_of_a_cloud_is_taken(url: str, options: dict[str, str]) -> None:
    assert moving.target(f"{url}/", **options) == Remote(url, **options)


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("azure://container/path", {}, "--account NAME goes with azure://"),
        ("s3://bucket/path", {"account": "acme"}, "--account NAME goes with azure://, and with nothing else"),
        ("azure://container/path", {"account": "acme", "endpoint": "http://here"}, "--endpoint goes with s3://"),
    ],
)
def test_option_that_does_not_fit_is_refused(url: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        moving.target(url, **options)
