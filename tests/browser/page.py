"""The status page and the monitor's page in Chromium: `nox -s browser` runs this, and `make test` doesn't.

What they look like lies in .dvc/tmp/browser afterwards, for a person to see.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import httpx
import msgspec
import pytest

from mlops.contract import save
from mlops.store import Store
from mlops.watching import page
from mlops.watching.record import Basis, Day, Decision, Finding, Monitor, Performance, Window
from tests.conftest import ROOT
from tests.mlops.serving.conftest import ROW, Process, point, release
from tests.waiting import PATIENCE

SHOTS = ROOT / ".dvc/tmp/browser"
PHONE, DESKTOP = 390, 1280
SWITCHES = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # it would ask its makers
]  # fmt: skip
MEASURE = """<!doctype html><body>
<iframe style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe><script>
onload = () => {{
  const shown = document.querySelector("iframe").contentDocument, found = []
  for (const one of shown.querySelectorAll("body *"))
    if (!one.closest(".wide table") && one.getBoundingClientRect().right > {width} + 0.5) found.push(one.tagName)
  const broad = shown.documentElement.scrollWidth
  document.body.outerHTML = "<output>" + JSON.stringify({{broad, found}}) + "</output>"
}}</script>"""
HOSTILE = "the newer one was <script>alert(1)</script> " + "very" * 40 + " slow"
CHECK = Monitor(
    version=1,
    decision=Decision(action="retrain", reasons=[f"`{'long_name_' * 9}` moved by 3 standard deviations", HOSTILE]),
    owner="@acme/owners",
    window=Window(model="v1.0.0", start="2013-06-01", end="2013-06-30", days=30, rows=27_000),
    basis=Basis(rows=105_000, days=12, windows=10, false_alarms=0.05),
    findings=[
        Finding(kind="drift", column=name, size=size, level=1, text="moved")
        for name, size in (("temp", 3.1), ("dewp and humid", 1.4), ("long_name_" * 4, 1.2), ("origin", 0.3))
    ],
    days=[
        Day(day=f"2013-06-{day:02}", rows=900, outcomes=900, loss=0.5 + day / 100, low=0.45, high=0.9)
        for day in range(1, 31)
    ],
    performance=Performance(
        loss=0.62, released=0.5, difference=0.12, low=0.05, high=0.19, windows=10, outcomes=27_000
    ),
)  # fmt: skip
DUEL = {"version": "v1.2.0", "mode": "split", "verdict": "better", "champion": 0.62, "challenger": 0.55, "rows": 5000}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that has answered, with a check in its store and two deployments and a challenger behind it."""
    folder = tmp_path_factory.mktemp("service")
    shutil.copy(ROOT / "params.yaml", folder)
    release(folder / "releases", "v1.0.0")
    point(folder / "releases", "v1.0.0")
    entry = {"stage": "prod", "at": datetime.now(UTC), "by": "Ann", "reason": ""}
    back = {**entry, "number": 2, "version": "v1.0.0", "reason": HOSTILE}
    save(folder / "releases/history.json", [back, {**entry, "number": 1, "version": "v1.1.0", "bad": True}])
    save(folder / "releases/challenger.json", {"version": "v1.2.0", "mode": "split", "share": 0.1})
    duel = {**DUEL, "difference": -0.07, "low": -0.1, "high": -0.04, "blocks": 10}
    check = {**msgspec.to_builtins(CHECK), "challenger": duel}
    Store.connect(f"sqlite:///{folder}/store.db").remember(datetime.now(UTC), json.dumps(check).encode())
    service = Process(folder).start("/health/ready")
    for speed in range(200):
        service.predict({**ROW, "wind speed": speed})
    service.predict({})
    yield str(service.client.base_url)
    service.stop()


def chromium(folder: Path, *words: str) -> str:
    """What it prints."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("neither chromium nor google-chrome is on the PATH: `apt-get install chromium`")
    command = [program, *SWITCHES, f"--user-data-dir={folder / 'profile'}", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


def shoot(folder: Path, url: str, name: str, width: int, height: int, *words: str) -> None:
    """A picture of a page."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    path.unlink(missing_ok=True)
    chromium(folder, *words, f"--screenshot={path}", f"--window-size={width},{height}", url)
    assert path.read_bytes()[16:24] == width.to_bytes(4) + height.to_bytes(4)


def too_wide(folder: Path, html: str, width: int) -> tuple[int, list[str]]:
    """How broad a page becomes in a window of this width, and which elements reach beyond it."""
    (folder / "measure.html").write_text(MEASURE.format(width=width, page=escape(html)), encoding="utf-8")
    dumped = chromium(folder, "--dump-dom", "--window-size=1400,1000", f"file://{folder}/measure.html")
    measured = json.loads(re.search(r"<output>(.*)</output>", dumped)[1])  # type: ignore[index]
    return measured["broad"], measured["found"]


def visit(folder: Path, url: str) -> tuple[str, set[str]]:
    """The rendered page, and what it asked for beside itself; what Chromium asks for has no page's origin."""
    dumped = chromium(folder, "--dump-dom", f"--log-net-log={folder / 'net.json'}", url)
    log = json.loads((folder / "net.json").read_text(encoding="utf-8"))
    known = [event["params"] for event in log["events"] if "initiator" in event.get("params", {})]
    return dumped, {one["url"] for one in known if one["initiator"] != "not an origin"}


def text(dumped: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", dumped, flags=re.DOTALL).split())


def test_a_page_that_is_too_wide_is_seen(tmp_path: Path) -> None:
    wide = "<!doctype html><body style='margin:0'><div style='width:500px'>wide</div>"
    assert too_wide(tmp_path, wide, PHONE) == (500, ["DIV"])
    assert too_wide(tmp_path, wide, DESKTOP) == (DESKTOP, [])


def test_a_page_that_asks_another_host_is_seen(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><img src='http://other.example/a.png'>", encoding="utf-8")
    assert visit(tmp_path, f"file://{tmp_path}/page.html")[1] == {"http://other.example/a.png"}


def test_the_status_page_is_rendered_and_asks_for_nothing_beside_itself(url: str, tmp_path: Path) -> None:
    dumped, beside = visit(tmp_path, url)
    shown = text(dumped)
    for words in (
        "v1.0.0 answers", "It predicts delay", "requests 201", "rows answered 200", "(4xx) 0.50%", "Retrain , says",
        "v1.2.0 runs beside it: split, 10% of the requests.", "v1.2.0 is better : loss 0.550 against 0.620",
        "v1.0.0 rollback : prod #2", "v1.1.0 bad : prod #1", "&lt;script&gt;alert(1)&lt;/script&gt;",
        "wind speed 99",
    ):  # fmt: skip
        assert words in shown
    assert beside == set()


@pytest.mark.parametrize("width", [320, PHONE, DESKTOP])
def test_the_status_page_fits_its_window(url: str, tmp_path: Path, width: int) -> None:
    assert too_wide(tmp_path, httpx.get(url).text, width) == (width, [])


@pytest.mark.parametrize("width", [320, PHONE, DESKTOP])
def test_the_monitors_page_fits_its_window(tmp_path: Path, width: int) -> None:
    assert too_wide(tmp_path, page.render(CHECK), width) == (width, [])


def test_pictures_of_both_are_taken(url: str, tmp_path: Path) -> None:
    shoot(tmp_path, url, "status-phone", PHONE, 2600)
    shoot(tmp_path, url, "status-desktop", DESKTOP, 1800)
    shoot(tmp_path, url, "status-dark", PHONE, 2600, "--blink-settings=preferredColorScheme=0")
    (tmp_path / "page.html").write_text(page.render(CHECK), encoding="utf-8")
    shoot(tmp_path, f"file://{tmp_path}/page.html", "monitor-phone", PHONE, 2000)
