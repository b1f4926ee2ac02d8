import asyncio
import json
import re
import socket
from datetime import UTC, datetime, timedelta

import pytest

from mlops.contract import save
from mlops.serving import pages, status
from mlops.serving.current import Current, load
from mlops.serving.metrics import Metrics
from mlops.serving.status import Status
from mlops.store import Store
from tests.mlops.serving.conftest import LIMITS, point, release

CHECK = {
    "version": 1,
    "decision": {"action": "retrain", "reasons": ["`temp` moved by 3 standard deviations"]},
    "window": {"model": "v1.0.0", "start": "2013-06-01", "end": "2013-06-07", "days": 7, "rows": 900},
    "findings": [{"kind": "drift", "column": "temp", "size": 3, "level": 1}, {"column": "calm", "size": 0, "level": 1}],
    "days": [{"day": "2013-06-01", "rows": 9, "loss": 0.6, "low": 0.5, "high": 0.7}, {"day": "2013-06-02", "rows": 9}],
    "performance": {"loss": 0.61, "released": 0.5, "difference": 0.11, "low": 0.05, "high": 0.17, "windows": 9},
}


def entry(stage, number, version, by, reason="", **more):
    at = f"2026-10-0{number}T12:00:00Z"
    return {"stage": stage, "number": number, "version": version, "at": at, "by": by, "reason": reason, **more}


HISTORY = [
    entry("prod", 3, "v1.0.0", "Ann", "too late"),
    entry("challenger", 2, "v1.1.0", "Bob", ended=True),
    entry("prod", 2, "v1.1.0", "Ann", bad=True),
    entry("prod", 1, "v1.0.0", "Cleo"),
]


@pytest.fixture
def shown(tmp_path):
    """The page, of what lies in tmp_path, as readable text (with `raw`, as HTML)."""

    def show(metrics=None, url=f"sqlite:///{tmp_path}/store.db", raw=False):
        current = Current(tmp_path / "releases", lambda folder: load(folder, LIMITS), lambda: None)
        current.look()
        gathered = Status(current, metrics or Metrics(), Store.connect(url), tmp_path / "releases", tmp_path / "spool")
        html = pages.render(asyncio.run(gathered.state()))
        return html if raw else re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", "", html, flags=re.DOTALL))

    return show


@pytest.fixture
def store(tmp_path):
    return Store.connect(f"sqlite:///{tmp_path}/store.db")


def remember(store, days_ago=0.0, **change):
    store.remember(datetime.now(UTC) - timedelta(days=days_ago), json.dumps({**CHECK, **change}).encode())


def test_before_anything_happened_every_section_says_so(shown):
    text = shown()
    for words in (
        "No version is served yet",
        "No check is in the store yet",
        "No challenger runs",
        "None is known here",
    ):
        assert words in text


def test_version_target_and_when_it_came_are_said(shown, tmp_path):
    release(tmp_path / "releases", "v1.0.0")
    before = datetime.now(UTC)
    point(tmp_path / "releases", "v1.0.0")
    text = shown()
    assert "v1.0.0 answers" in text
    assert any(f"Since {day:%Y-%m-%d}" in text for day in (before, datetime.now(UTC)))  # it may be midnight
    assert "It predicts delay" in text
    assert "its release commit is 000000000000." in text


def test_requests_count_what_people_ask_and_not_what_probes_do(shown):
    metrics = Metrics()
    metrics.count("requests_total", path="/predict", status="200", by=196)
    metrics.count("requests_total", path="/predict", status="422", by=3)
    metrics.count("requests_total", path="/outcomes", status="503")
    metrics.count("requests_total", path="/health/live", status="200", by=10_000)
    metrics.count("out_of_range_total", column="wind <speed>", by=1234)
    for seconds in (0.0015,) * 99 + (0.4,):
        metrics.observe(seconds)
    text = shown(metrics)
    for words in ("requests200", "within2 ms", "(4xx)1.50%", "(5xx)0.50%", "wind &lt;speed&gt; 1,234"):
        assert words in text
    assert "<dd class=alarm>0.50%" in shown(metrics, raw=True)


def test_the_newest_check_is_told_and_the_ones_before_are_listed(shown, store):
    remember(store, 0.2)
    remember(store, 2, decision={"action": "none", "reasons": ["nothing moved"]}, findings=[], performance=None)
    text = shown()
    assert "(4 hours ago):temp moved by 3 standard deviations" in text
    assert "nothing moved" not in text
    assert "2013-06-01 to 2013-06-07temp0.610 (0.500), +0.110 [+0.050, +0.170]" in text
    assert re.search(r"Nothing to do[\d: -]+2013-06-01 to 2013-06-07none-", text)
    assert shown(raw=True).count("<circle") == 1


@pytest.mark.parametrize("content", [b'"text"', b'{"decision": 5}', b'{"days": [{"day": 7}]}'])
def test_a_check_of_another_form_is_left_out_and_one_that_knows_more_is_read(shown, store, content):
    remember(store, 1, invented={"later": True})
    store.remember(datetime.now(UTC), content)
    assert "temp moved by 3 standard deviations" in shown()


def test_deployments_and_rollbacks_are_told_with_their_reasons(shown, tmp_path):
    save(tmp_path / "releases/history.json", HISTORY)
    text = shown()
    assert "v1.0.0 rollback: prod #3, 2026-10-03 12:00 UTC by Ann" in text
    assert "by Anntoo late" in text
    assert "v1.1.0 bad: prod #2" in text
    assert "v1.1.0 ended: challenger #2" in text
    assert "v1.0.0: prod #1" in text


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b'[{"version": 1}]'])
def test_what_the_agent_left_damaged_is_not_known(shown, tmp_path, content):
    for name in ("history.json", "challenger.json"):
        save(tmp_path / "releases" / name, content)
    assert "None is known here" in shown()


def test_challenger_and_what_a_check_found_of_it_are_told(shown, tmp_path, store):
    save(tmp_path / "releases/challenger.json", {"version": "v2.0.0", "mode": "split", "share": 0.1})
    assert "v2.0.0 runs beside it: split, 10% of the requests." in shown()
    duel = {"version": "v2.0.0", "mode": "split", "verdict": "better", "champion": 0.6, "challenger": 0.5, "rows": 1200}
    remember(store, challenger={**duel, "difference": -0.1, "low": -0.2, "high": -0.05, "blocks": 9})
    assert "v2.0.0 is better: loss 0.500 against 0.600, -0.100 [-0.200, -0.050], 1,200 rows" in shown()


def test_what_people_wrote_is_shown_as_text(shown, tmp_path, store):
    hostile = '"><script>alert(1)</script>'
    save(tmp_path / "releases/history.json", [{**HISTORY[0], "reason": hostile, "by": hostile, "stage": hostile}])
    save(tmp_path / "releases/challenger.json", {"version": hostile, "mode": "split", "share": 0.1})
    duel = {"version": hostile, "verdict": hostile}
    finding = {"kind": "drift", "column": hostile, "size": 2, "level": 1}
    day = {"day": hostile, "loss": 1.0, "low": 0.5, "high": 2}
    window = {"start": hostile, "end": hostile}
    decision = {"action": hostile, "reasons": [hostile, f"`{hostile}`"]}
    remember(store, decision=decision, findings=[finding], days=[day], window=window, challenger=duel)
    html = shown(raw=True)
    assert html.count("&lt;script&gt;") > 10
    assert "<script" not in html
    assert '""' not in html


def test_a_store_that_is_down_is_said_and_the_rest_shown(shown, tmp_path):
    save(tmp_path / "releases/history.json", HISTORY)
    text = shown(url="postgresql+psycopg://user@127.0.0.1:1/none")
    assert "The store can't be reached" in text
    assert "v1.1.0 bad" in text


def test_a_store_that_hangs_stops_neither_the_page_nor_other_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(status, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://user@127.0.0.1:{silent.getsockname()[1]}/none"
        current = Current(tmp_path, lambda folder: load(folder, LIMITS), lambda: None)
        made = Status(current, Metrics(), Store.connect(url), tmp_path, tmp_path)

        async def ask():
            states, turns = asyncio.gather(made.state(), made.state()), 0
            while not states.done():
                await asyncio.sleep(0)
                turns += 1
            silent.accept()[0].close()  # so that the reader ends
            return await states, turns

        found, turns = asyncio.run(ask())
    assert [state.checks for state in found] == [None, None]
    assert turns > 10


def test_the_store_is_asked_again_only_after_a_while(tmp_path, store, monkeypatch):
    made = Status(Current(tmp_path, lambda _: None, lambda: None), Metrics(), store, tmp_path, tmp_path)

    async def ask():
        first = await made.state()
        remember(store)
        second = await made.state()
        monkeypatch.setattr(status, "FRESH", 0)
        return [len(state.checks) for state in (first, second, await made.state())]

    assert asyncio.run(ask()) == [0, 0, 1]
