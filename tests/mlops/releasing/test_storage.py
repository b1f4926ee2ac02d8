"""Pushing and pulling: what goes where, who comes second, and what is refused."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops.contract import BadInput
from mlops.objects import Objects
from mlops.pointers import relative
from mlops.releasing import branch, storage
from mlops.releasing.branch import Branch
from mlops.releasing.storage import Pushed
from tests.mlops.releasing.conftest import Clone, digest

Make = Callable[[str], Clone]


def default(clone: Clone) -> str:
    return (clone.root / ".dvc/config").read_text().split("remote = ")[1].split()[0]


def on_origin(origin: Clone) -> set[str]:
    listed = origin.git("ls-tree", "-r", "--name-only", "dvc-storage").splitlines()
    return {"".join(Path(path).parts[-2:]) for path in listed}


def test_bundled_data_goes_nowhere(clone: Make, origin: Clone) -> None:
    ann = clone("ann")
    assert storage.push(ann.root) == Pushed(0)
    assert default(ann) == "seed"
    assert origin.git("branch", "--list", "dvc-storage") == ""


def test_first_new_data_goes_to_the_branch_with_all_that_was_bundled(clone: Make, origin: Clone) -> None:
    ann = clone("ann")
    listing = ann.add({"a.csv": b"bundled", "b.csv": b"new"})
    (ann.root / ".dvc/cache" / relative(digest(b"bundled"))).unlink()
    assert storage.push(ann.root) == Pushed(3, uncommitted=True)
    assert on_origin(origin) == {listing, digest(b"bundled"), digest(b"new")}
    assert default(ann) == "storage"
    ann.commit()
    assert storage.push(ann.root) == Pushed(0)


def test_nothing_is_ever_written_to_what_is_bundled(clone: Make) -> None:
    ann = clone("ann")
    ann.add({"a.csv": b"new"})
    storage.push(ann.root)
    assert ann.git("status", "--porcelain", "--", ".dvc/seed") == ""


def test_data_that_only_this_machine_has_bundled_counts_as_new(clone: Make, origin: Clone) -> None:
    """As after a plain `dvc push`, which writes to the seed."""
    ann = clone("ann")
    ann.add({"a.csv": b"new"}, ".dvc/seed")
    assert storage.push(ann.root).sent == 2
    assert digest(b"new") in on_origin(origin)


def test_pull_lays_out_what_others_pushed(clone: Make) -> None:
    ann, bob = clone("ann"), clone("bob")
    ann.add({"a.csv": b"new\r\n"})
    storage.push(ann.root)
    bob.git("config", "core.autocrlf", "input")
    storage.pull(bob.root)
    assert (bob.root / ".dvc/storage" / relative(digest(b"new\r\n"))).read_bytes() == b"new\r\n"
    assert bob.git("status", "--porcelain") == ""


def test_pull_mends_what_is_missing_or_cut_short_and_leaves_the_rest(clone: Make) -> None:
    ann = clone("ann")
    ann.add({"a.csv": b"new", "b.csv": b"more", "c.csv": b"most"})
    storage.push(ann.root)
    storage.pull(ann.root)
    a, b, c = (ann.root / ".dvc/storage" / relative(digest(content)) for content in (b"new", b"more", b"most"))
    a.unlink()
    b.write_bytes(b"m")
    before = c.stat().st_mtime_ns
    storage.pull(ann.root)
    assert (a.read_bytes(), b.read_bytes(), c.stat().st_mtime_ns) == (b"new", b"more", before)


def test_pull_before_there_is_a_branch_brings_nothing(clone: Make) -> None:
    ann = clone("ann")
    storage.pull(ann.root)
    assert list((ann.root / ".dvc/storage").rglob("*")) == []


def test_job_without_credentials_lays_out_what_its_checkout_brought(clone: Make) -> None:
    ann = clone("ann")
    ann.add({"a.csv": b"new"})
    storage.push(ann.root)
    job = clone("job")
    job.git("remote", "set-url", "origin", "/nowhere")
    storage.pull(job.root, fetch=False)
    assert (job.root / ".dvc/storage" / relative(digest(b"new"))).read_bytes() == b"new"
    with pytest.raises(BadInput, match="ls-remote origin"):
        storage.pull(job.root)


def test_repository_without_an_origin_keeps_its_own_branch(clone: Make) -> None:
    ann = clone("ann")
    ann.git("remote", "remove", "origin")
    ann.add({"a.csv": b"new"})
    assert storage.push(ann.root).sent == 2
    assert Objects(ann.root, "HEAD").get(digest(b"new")) == b"new"


def test_what_was_kept_offline_joins_what_others_pushed_meanwhile(clone: Make, origin: Clone) -> None:
    ann, bob = clone("ann"), clone("bob")
    ann.add({"a.csv": b"ann's"})
    storage.push(ann.root)
    bob.add({"b.csv": b"bob's"})
    bob.git("remote", "rename", "origin", "later")
    storage.push(bob.root)
    bob.git("remote", "rename", "later", "origin")
    assert digest(b"bob's") not in on_origin(origin)
    storage.push(bob.root)
    assert on_origin(origin) >= {digest(content) for content in (b"ann's", b"bob's")}
    assert Objects(bob.root, "HEAD").get(digest(b"ann's")) == b"ann's"


def push(root: Path) -> int:
    return storage.push(root).sent


def test_all_who_push_different_data_at_once_succeed(clone: Make, origin: Clone) -> None:
    """Four at once, no branch yet, an origin that takes in none before all have come: all but one must try again."""
    attempts, people = origin.root / "attempts", [clone(name) for name in ("ann", "bob", "cleo", "dan")]
    hook = origin.root / "hooks/pre-receive"
    wait = f"while [ $(wc -l < {attempts}) -lt {len(people)} ]; do sleep 0.02; done"
    hook.write_text(f"#!/bin/sh\necho attempt >> {attempts}\n{wait}\n")
    hook.chmod(0o755)
    for one in people:
        one.add({"a.csv": one.root.name.encode(), "b.csv": b"the same"})
    with ThreadPoolExecutor(len(people)) as pool:  # what meets are the processes of git
        sent = list(pool.map(push, [one.root for one in people]))
    assert all(count >= 2 for count in sent)
    assert len(attempts.read_text().splitlines()) > len(people)
    assert on_origin(origin) >= {digest(one.root.name.encode()) for one in people}


def test_push_that_the_origin_refuses_for_good_says_why(clone: Make, origin: Clone) -> None:
    hook = origin.root / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho no rights >&2\nexit 1\n")
    hook.chmod(0o755)
    ann = clone("ann")
    ann.add({"a.csv": b"new"})
    with pytest.raises(BadInput, match="no rights"):
        storage.push(ann.root)
    hook.unlink()
    assert storage.push(ann.root).sent == 2


def test_object_that_nobody_has_is_named(clone: Make) -> None:
    ann = clone("ann")
    ann.add({"a.csv": b"new"})
    (ann.root / ".dvc/cache" / relative(digest(b"new"))).unlink()
    with pytest.raises(
        BadInput, match=rf"data/a\.csv \({digest(b'new')}\): neither on this machine nor in the storage"
    ):
        storage.push(ann.root)


def test_object_that_only_the_storage_has_is_no_fault(clone: Make) -> None:
    ann = clone("ann")
    ann.add({"a.csv": b"new"})
    storage.push(ann.root)
    subprocess.run(["rm", "-r", ann.root / ".dvc/cache"], check=True)
    assert storage.push(ann.root).sent == 0


def test_damaged_object_is_not_sent(clone: Make, origin: Clone) -> None:
    ann = clone("ann")
    ann.add({"a.csv": b"new"})
    (ann.root / ".dvc/cache" / relative(digest(b"new"))).write_bytes(b"old")
    with pytest.raises(BadInput, match=r"damaged, it isn't data/a\.csv any more"):
        storage.push(ann.root)
    assert origin.git("branch", "--list", "dvc-storage") == ""


def test_object_too_large_for_a_git_host_is_refused_with_a_way_on(clone: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = clone("ann")
    ann.add({"a.csv": b"new" * 100})
    monkeypatch.setattr(branch, "MOST_BYTES", 299)
    with pytest.raises(BadInput, match=r"too large for git; .*nox -s storage -- s3://"):
        storage.push(ann.root)
    monkeypatch.setattr(branch, "MOST_BYTES", 300)
    assert storage.push(ann.root).sent == 2


def test_hook_asks_nobody_where_nothing_changed(clone: Make) -> None:
    ann = clone("ann")
    ann.add({"a.csv": b"new"})
    storage.push(ann.root)
    ann.git("remote", "set-url", "origin", "/nowhere")
    assert storage.push(ann.root, trusting=True).sent == 0
    ann.add({"a.csv": b"newer"})
    with pytest.raises(BadInput, match="ls-remote origin"):
        storage.push(ann.root, trusting=True)


def test_warning_comes_past_the_limit(clone: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = clone("ann")
    ann.add({"a.csv": bytes(2000)})
    storage.push(ann.root)
    assert storage.outgrown(ann.root) == ""
    monkeypatch.setattr(storage, "MANY_BYTES", 2000)
    assert "which never shrinks: keep data elsewhere with `nox -s storage -- s3://" in storage.outgrown(ann.root)


def test_stage_output_that_git_keeps_itself_is_not_sent(clone: Make) -> None:
    ann = clone("ann")
    model = ann.store(b"model")
    outs = f"[{{path: model, md5: {model}}}, {{path: metrics, md5: {digest(b'metrics')}}}]"
    (ann.root / "dvc.lock").write_text(f"stages: {{train: {{outs: {outs}}}}}\n")
    (ann.root / "dvc.yaml").write_text("stages: {train: {outs: [model], metrics: [metrics: {cache: false}]}}\n")
    storage.push(ann.root)
    assert model in Branch(ann.root).listed()
    (ann.root / "dvc.yaml").write_text("stages: {train: {outs: [model], metrics: [metrics]}}\n")
    with pytest.raises(BadInput, match="metrics"):
        storage.push(ann.root)
