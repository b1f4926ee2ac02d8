import re
from xml.etree import ElementTree

from mlops.watching import page, summary
from mlops.watching.record import Decision, Monitor
from tests.mlops.watching.conftest import weather

NOTHING = Monitor(version=1, owner="@ann", decision=Decision(action="none", reasons=["the store is empty"]))


def test_page_needs_nothing_else_and_fits_a_phone(judged):
    html = page.render(judged(weather("2026-06-01", 7, seed=3, warmer=40)))
    assert 'name="viewport"' in html
    assert "<script" not in html
    outside = set(re.findall(r"(?:src|href)=\"([^\"#]+)", html)) - {"http://www.w3.org/1999/xlink"}
    assert outside == set()


def test_pictures_are_the_same_for_the_same_check(judged, week):
    assert page.render(judged(week)) == page.render(judged(week))


def test_pictures_are_well_formed(judged, week):
    pictures = re.findall(r"<svg .*?</svg>", page.render(judged(week)), re.DOTALL)
    assert len(pictures) == 3
    assert all(ElementTree.fromstring(picture).tag.endswith("svg") for picture in pictures)  # noqa: S314 (our own)


def test_distributions_of_what_alarms_are_shown(judged, base):
    rows = weather("2026-06-01", 7, seed=3, warmer=40)
    found = judged(rows)
    assert "<h2>heat</h2>" in page.render(found, base.train, base.train, base.plan)
    assert "<h2>site</h2>" not in page.render(found, base.train, base.train, base.plan)


def test_texts_of_the_data_are_shown_as_text(judged, week):
    found = judged(week.assign(site="<script>alert(1)</script>"))
    assert "&lt;script&gt;" in page.render(found)
    assert "<script" not in page.render(found)


def test_nothing_to_look_at_is_a_page_too():
    assert "<li>the store is empty</li>" in page.render(NOTHING)
    assert "<svg" not in page.render(NOTHING)


def test_summary_has_decision_reasons_findings_and_days(judged):
    lines = summary.render(judged(weather("2026-06-01", 7, seed=3, warmer=40))).splitlines()
    assert lines[0] == "### Retrain"
    assert any(re.match(r"\| drift \| heat \| [\d.]+ \| [\d.]+ \| \*\*[\d.]+\*\* \|", line) for line in lines)
    assert any(line.startswith("| 2026-06-01 | 100 | 100 |") for line in lines)
    assert summary.render(NOTHING) == "### Nothing to do\n\n- the store is empty\n"
