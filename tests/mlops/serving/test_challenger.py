"""Two versions at once, in a real service: who answers, what is kept of it, and what a broken challenger does."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from mlops.contract import save
from mlops.serving.challenger import Challenger, fraction
from mlops.serving.current import Current, load
from mlops.store import Store
from tests.mlops.serving.conftest import LIMITS, ROW, SCHEMA, graph, info, point, release, seal
from tests.waiting import eventually

CHAMPION, RIVAL = "v1.0.0", "v2.0.0"


def challenge(folder, mode, share=1.0, version=RIVAL):
    """Name the challenger, as the agent does."""
    save(folder / "releases/challenger.json", {"version": version, "mode": mode, "share": share})


def picky(folder):
    """A challenger that fails unless it is asked for two rows, as many as there are golden ones."""
    made = release(folder / "releases", RIVAL, 2)
    save(made / "model.onnx", graph(2, rows=2))
    seal(made)


@pytest.fixture
def ask(service, folder):
    """Starts the service with a challenger; asks it for rows under these ids."""

    def start(mode, share=1.0):
        if not (folder / "releases" / RIVAL).exists():
            release(folder / "releases", RIVAL, 2)
        challenge(folder, mode, share)
        service.start("/health/ready")
        return lambda ids, **more: service.predict(*([ROW] * len(ids)), ids=ids, **more).json()

    return start


def stored(service, role):
    """Predictions of the last hour by id."""
    now = datetime.now(UTC)
    store = Store.connect(f"sqlite:///{service.folder}/store.db")
    return {found.id: found for found, _ in store.between(now - timedelta(hours=1), now, role)}


def test_in_shadow_the_champion_answers_and_both_are_kept(service, ask):
    answer = ask("shadow")(["a", "b"])
    assert answer["model"] == CHAMPION
    assert answer["predictions"] == [{"id": "a", "value": 2.5}, {"id": "b", "value": 2.5}]
    service.until(lambda: service.metric("challenger_rows_total") == 2)
    assert service.stop() == 0
    champions, rivals = (stored(service, role) for role in ("production", "challenger"))
    assert champions.keys() == rivals.keys() == {"a", "b"}
    for id in "ab":
        assert (champions[id].version, champions[id].output) == (CHAMPION, {"value": 2.5})
        assert (rivals[id].version, rivals[id].output) == (RIVAL, {"value": 5.0})
        assert rivals[id].event_time == champions[id].event_time
        assert rivals[id].row == champions[id].row
    assert rivals["a"].row["name"] == "***"


def test_in_split_its_share_is_answered_by_the_challenger_and_every_row_is_kept_once(service, ask):
    send, share = ask("split", 0.3), 0.3
    ids = [f"{n}" for n in range(1000)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, (ids[n : n + 10] for n in range(0, 1000, 10))))
    answered = {one["id"]: one for answer in answers for one in answer["predictions"]}
    assert [one["id"] for answer in answers for one in answer["predictions"]] == ids
    assert {answer["model"] for answer in answers} == {CHAMPION}
    theirs = {id for id, one in answered.items() if one.get("model") == RIVAL}
    assert theirs == {id for id in answered if fraction(id) < share}
    assert abs(len(theirs) - 300) < 4 * math.sqrt(1000 * share * (1 - share))
    assert all(one["value"] == (5.0 if id in theirs else 2.5) for id, one in answered.items())
    assert all("model" not in one for id, one in answered.items() if id not in theirs)
    assert service.metric("rows_total") == 1000
    assert service.metric("challenger_rows_total") == len(theirs)
    assert service.stop() == 0
    assert stored(service, "challenger").keys() == theirs
    assert stored(service, "production").keys() == answered.keys() - theirs


def test_a_challenger_that_fails_in_split_leaves_its_rows_to_the_champion(service, folder, ask):
    picky(folder)
    send = ask("split")
    for ids, value in (("ab", 5.0), ("cde", 2.5), ("f", 2.5), ("gh", 5.0)):
        found = send(list(ids))["predictions"]
        assert [(one["value"], "model" in one) for one in found] == [(value, value == 5.0)] * len(ids)
    assert service.metric("challenger_failures_total") == 4
    assert service.events().count("the challenger failed") == 1
    assert service.stop() == 0
    assert stored(service, "production").keys() == set("cdef")
    assert stored(service, "challenger").keys() == set("abgh")


def test_a_challenger_that_fails_in_shadow_is_counted_and_nobody_notices(service, folder, ask):
    picky(folder)
    send = ask("shadow")
    for ids in ("abc", "de"):
        assert [one["value"] for one in send(list(ids))["predictions"]] == [2.5] * len(ids)
    service.until(lambda: service.metric("challenger_rows_total") == 2)
    assert service.metric("challenger_failures_total") == 3
    assert service.stop() == 0
    assert stored(service, "production").keys() == set("abcde")
    assert stored(service, "challenger").keys() == set("de")


def test_what_is_kept_of_the_shadow_survives_sigterm(service, ask):
    send = ask("shadow")
    sent = [f"{n}-{row}" for n in range(20) for row in range(10)]
    for n in range(0, 200, 10):
        send(sent[n : n + 10])
    assert service.stop() == 0
    assert stored(service, "challenger").keys() == set(sent)


def test_a_challenger_comes_changes_and_goes_while_the_service_runs(service, folder):
    release(folder / "releases", RIVAL, 2)
    service.start("/health/ready")

    def shown():
        return service.client.get("/model").json()["challenger"]

    assert shown() is None
    for mode, share in (("shadow", 0.5), ("split", 1.0)):
        challenge(folder, mode, share)
        service.until(lambda: shown() == {"version": RIVAL, "mode": mode, "share": share})  # noqa: B023
    assert service.predict().json()["predictions"][0]["model"] == RIVAL
    assert service.metric(f'challenger_share{{version="{RIVAL}",mode="split"}}') == 1.0
    point(folder / "releases", RIVAL)  # it is promoted, and the file is there still
    service.until(lambda: shown() is None)
    assert "model" not in service.predict().json()["predictions"][0]
    point(folder / "releases", CHAMPION)
    service.until(lambda: shown())
    (folder / "releases/challenger.json").unlink()
    service.until(lambda: shown() is None)


@pytest.fixture
def pair(tmp_path):
    """The watch on the challenger, beside a champion that is served; `look` until it has tried."""
    release(tmp_path / "releases", CHAMPION)
    point(tmp_path / "releases", CHAMPION)
    failures = []
    current = Current(tmp_path / "releases", lambda folder: load(folder, LIMITS), failures.append)
    current.look()
    made = Challenger(tmp_path / "releases", lambda folder: load(folder, LIMITS), lambda: failures.append(1), current)
    made.failures = failures
    return made


def test_a_challenger_with_other_inputs_is_not_tried(pair, tmp_path, capfd):
    folder = release(tmp_path / "releases", RIVAL)
    save(folder / "model.json", info(schema=wider()))
    seal(folder)
    challenge(tmp_path, "split")
    for _ in range(2):
        pair.look()
    assert pair.rival is None
    said = capfd.readouterr().out
    assert (
        said.count("v2.0.0 can't answer the requests of v1.0.0: it takes other raw inputs than the champion: gates")
        == 1
    )


def wider():
    """The schema with a column that may not be missing any more."""
    gates = msgspec.structs.replace(SCHEMA.columns["gates"], missing=False)
    return msgspec.structs.replace(SCHEMA, columns=SCHEMA.columns | {"gates": gates})


@pytest.mark.parametrize(
    "content", [b"{", b'{"version":"v2.0.0","mode":"loud","share":1}', b'{"version":"v2.0.0","share":2}']
)
def test_a_file_that_says_nothing_known_is_no_challenger(pair, tmp_path, content, capfd):
    release(tmp_path / "releases", RIVAL)
    challenge(tmp_path, "split")
    pair.look()
    assert pair.rival.challenge.mode == "split"
    save(tmp_path / "releases/challenger.json", content)
    for _ in range(2):
        pair.look()
    assert pair.rival is None
    assert capfd.readouterr().out.count("challenger refused") == 1


def test_a_damaged_challenger_is_refused_and_comes_when_it_is_mended(pair, tmp_path):
    folder = release(tmp_path / "releases", RIVAL, 2)
    whole = (folder / "model.onnx").read_bytes()
    save(folder / "model.onnx", b"damaged")
    challenge(tmp_path, "shadow")
    pair.look()
    assert (pair.rival, len(pair.failures)) == (None, 1)
    save(folder / "model.onnx", whole)
    eventually(lambda: pair.look() or pair.rival)  # it waits for a while before it tries the same one again
    assert pair.rival.served.release.version == RIVAL


def test_a_pair_is_of_the_champion_that_was_there(pair, tmp_path):
    """A request that took the champion before a switch never meets a challenger of the next one."""
    release(tmp_path / "releases", RIVAL, 2)
    challenge(tmp_path, "split")
    pair.look()
    assert pair.rival.champion is pair._champion.served
    same = pair.rival
    pair.look()
    assert pair.rival is same


def test_ids_fall_evenly_and_always_the_same():
    assert fraction("a") == pytest.approx(0.26258957)
    found = [fraction(f"id-{n}") for n in range(10_000)]
    assert all(0 <= one < 1 for one in found)
    for share in (0.01, 0.1, 0.5):
        count = sum(one < share for one in found)
        assert abs(count - 10_000 * share) < 4 * math.sqrt(10_000 * share * (1 - share))
