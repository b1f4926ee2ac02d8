"""What GitHub shows of a verdict: the comment, and the status."""

import zipfile

import msgspec
import pytest

from mlops.contract import encode
from mlops.judging import gate, publishing
from mlops.judging.record import Changes, Facts, Failure, Side

RUN = "https://github.example/owner/project/actions/runs/7"
FACTS = Facts(base=Side(commit="b" * 40), head=Side(commit="a" * 40), changes=Changes())
FOUND = gate.without_training("unchanged", FACTS, [])
REFUSED = gate.without_training("incomparable", FACTS, ["the target changed"])


@pytest.fixture
def shown(tmp_path):
    def make(content: bytes) -> publishing.Shown:
        with zipfile.ZipFile(tmp_path / "comparison.zip", "w") as archive:
            archive.writestr(publishing.FILE, content)
        return publishing.compose(tmp_path / "comparison.zip", RUN)

    return make


@pytest.mark.parametrize(("found", "state", "title"), [(FOUND, "success", "Unchanged"), (REFUSED, "failure", "Incomp")])
def test_the_report_is_shown_and_the_status_says_the_decision(found, state, title, shown):
    made = shown(encode(found))
    assert made.text.startswith(f"### {title}")
    assert made.state == state
    assert made.description.startswith(title)
    assert len(made.description) <= publishing.LONGEST


def test_the_title_is_the_description_where_the_change_is_flagged_too(shown):
    found = msgspec.structs.replace(FOUND, changes=Changes(flagged=["pipelines/verdict.py"]))
    assert shown(encode(found)).text.startswith("> **Look at this first")
    assert shown(encode(found)).description.startswith("Unchanged")


@pytest.mark.parametrize("sign", ["\U0001f600", "\0", "\u202e"])
def test_the_status_has_no_sign_that_github_refuses(sign, shown):
    found = msgspec.structs.replace(FOUND, changes=Changes(flagged=[f"### {sign}"]))
    for made in (shown(encode(found)), shown(encode(Failure(version=1, failed=f"{sign} head")))):
        assert sign not in made.description
        assert made.description.startswith(("Unchanged: no byte", "No report: "))


def test_a_judge_that_made_nothing_is_said_with_a_link_in_place_of_an_older_report():
    made = publishing.compose(None, RUN)
    assert made.text.startswith("### No report")
    assert RUN in made.text
    assert made.state == "failure"


def test_a_failed_side_is_named_with_its_reason_escaped(shown):
    made = shown(encode(Failure(version=1, failed="head: data/x.csv: <b>@org</b> is missing\n---\n# big")))
    assert made.text.startswith("### Failed")
    assert "head: data/x.csv: &lt;b&gt;@\u200borg&lt;/b&gt; is missing" in made.text
    assert "\n---" not in made.text
    assert "\n# " not in made.text
    assert (made.state, made.description) == ("failure", "Failed: head: data/x.csv: <b>@org</b> is missing")


def test_what_is_no_sides_fault_is_no_report(shown):
    made = shown(encode(Failure(version=1, failed="the submission is no zip file: x" * 20)))
    assert made.text.startswith("### No report")
    assert len(made.description) == publishing.LONGEST


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"version": 1}', b'{"failed": 7}', b'["failed"]', b"null"])
def test_content_that_is_no_comparison_is_no_report(content, shown):
    made = shown(content)
    assert made.text.startswith("### No report")
    assert made.state == "failure"


def test_the_watermark_is_found_again_and_no_other():
    assert publishing.is_marked(publishing.watermarked("text", "a" * 40))
    assert publishing.is_marked('text\n\n![](https://cml.dev/watermark.png#0 "CML watermark experiment")')
    assert not publishing.is_marked('![](https://cml.dev/watermark.png#0 "CML watermark other")')
    assert not publishing.is_marked("text")
