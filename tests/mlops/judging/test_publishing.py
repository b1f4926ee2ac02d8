"""What a run uploaded is taken for hostile: whatever it holds, the comment is ours."""

import io
import json
import zipfile

import msgspec
import pytest

from mlops.contract import BadInput, encode
from mlops.judging import gate, publishing
from mlops.judging.record import Changes, Facts, Failure, Side

SHA = "a" * 40
RUN = publishing.Run("https://github.example/owner/project/actions/runs/7", "success", SHA, fork=False)
FOUND = gate.without_training(
    "unchanged", Facts(base=Side(commit="b" * 40), head=Side(commit=SHA), changes=Changes()), []
)


def zipped(*files: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


def comment(content: bytes, run: publishing.Run = RUN) -> str:
    return publishing.compose(run, zipped((publishing.FILE, content)))


def test_an_honest_upload_becomes_the_report():
    assert comment(encode(FOUND)).startswith("### Unchanged")


def test_files_that_touch_the_judge_are_named_whatever_the_run_says():
    files = ["src/problem/model.py", "pipelines/gate.py", "src/sklearn.py"]
    text = publishing.compose(RUN, zipped((publishing.FILE, encode(FOUND))), files)
    assert "Look at this first" in text
    assert "`pipelines/gate.py`, `src/sklearn.py`" in text
    assert "model.py" not in text
    assert "Look at this first" not in comment(encode(FOUND))


def test_a_fork_is_told_apart():
    fork = publishing.Run(RUN.url, RUN.conclusion, SHA, fork=True)
    assert comment(encode(FOUND), fork).startswith("> These numbers were computed by the code of a fork")
    assert "fork" not in comment(encode(FOUND))


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out"])
def test_a_run_that_uploaded_nothing_is_reported_with_a_link(conclusion):
    text = publishing.compose(publishing.Run(RUN.url, conclusion, SHA, fork=False), None)
    assert f"ended as `{conclusion}`" in text
    assert RUN.url in text


def test_a_failed_side_is_named_with_its_reason_escaped():
    text = comment(encode(Failure(version=1, failed="head: data/x.csv: <b>@org</b> is missing")))
    assert "### Failed" in text
    assert "head: data/x.csv: &lt;b&gt;@\u200borg&lt;/b&gt; is missing" in text


def test_a_format_of_another_version_becomes_a_link_to_the_run():
    text = comment(json.dumps({"version": 99, "anything": ["else"]}).encode())
    assert "a format that main doesn't know yet" in text
    assert RUN.url in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "not valid JSON"),
        (b'{"version": 1, "verdict": NaN}', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"version": 1}', "missing required field"),
        (encode({**msgspec.to_builtins(FOUND), "number": 7}), "unknown field"),
        (encode({**msgspec.to_builtins(FOUND), "calibration_margin": "much"}), "Expected"),
        (encode(msgspec.structs.replace(FOUND, head=Side(commit="c" * 40))), "but the run was of"),
        (encode(msgspec.structs.replace(FOUND, why=["x" * 501])), "length"),
    ],
)
def test_content_that_is_not_a_comparison_of_this_run_is_refused(content, says):
    text = comment(content)
    assert "what the experiment uploaded was refused" in text
    assert says in text
    assert "### Unchanged" not in text


@pytest.mark.parametrize(
    ("uploaded", "says"),
    [
        (b"no zip", "no zip file"),
        (zipped(), "alone, not nothing"),
        (zipped(("../../src/evil.py", b"x")), "alone, not ../../src/evil.py"),
        (zipped(("/etc/passwd", b"x")), "alone, not /etc/passwd"),
        (zipped((publishing.FILE, b"{}"), ("more", b"x")), "alone"),
        (zipped((publishing.FILE, b"{}"))[:-30], "no zip file"),
        (zipped((publishing.FILE, b" " * (publishing.MOST_BYTES + 1))), "larger than"),
    ],
)
def test_a_zip_that_is_not_ours_is_refused(uploaded, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"artifact|larger") as refused:
        publishing.unpack(uploaded)
    assert says in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_the_watermark_is_found_again_and_no_other():
    assert publishing.is_marked(publishing.watermarked("text", SHA))
    assert publishing.is_marked('text\n\n![](https://cml.dev/watermark.png#0 "CML watermark experiment")')
    assert not publishing.is_marked('![](https://cml.dev/watermark.png#0 "CML watermark other")')
    assert not publishing.is_marked("text")
