"""What a pull request hands in is taken for hostile: it is read whole and as promised, or refused in words."""

import zipfile

import numpy as np
import pytest

from mlops.contract import BadInput, save
from mlops.judging import submission
from mlops.judging.record import Failure
from mlops.judging.submission import Submission


@pytest.fixture
def handed_in(side, flights, schema, tmp_path):
    """What an honest side hands in, as a folder and as the zip of its files."""
    tree = side("head/artifacts", flights(60, 1), schema("wind")).folder.parent
    save(tree / "dvc.lock", b"stages: {}\n")
    submission.gather(tree, tmp_path / "submission")
    return tmp_path / "submission"


def zipped(folder, *more, without=()):
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in without:
                opened.write(path, path.relative_to(folder))
        for name, content in more:
            opened.writestr(name, content)
    return archive


def test_what_was_handed_in_is_what_was_gathered(handed_in, tmp_path):
    submission.unpack(zipped(handed_in), tmp_path / "out")
    found = Submission.load(tmp_path / "out")
    assert found.info.schema.inputs == ["wind"]
    assert len(found.graphs) == len(list((handed_in / "repeats").iterdir()))
    assert found.reproducible
    assert found.learnt.keys.dtype == np.uint64
    assert 0 < len(found.learnt.keys) <= 60
    assert found.learnt.days.dtype == np.dtype("datetime64[D]")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("../../evil.py", b"x"), r"holds '../../evil.py'"),
        (("/etc/passwd", b"x"), "holds '/etc/passwd'"),
        (("yaml.pyc", b"x"), r"holds 'yaml.pyc'"),
        (("repeats/../../x.onnx", b"x"), "holds 'repeats/../../x.onnx'"),
        (("model.json", b"{}"), "a file twice"),
        (("repeats/999.onnx", b"x"), "holds 'repeats/999.onnx'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_no_submission_has_is_refused_and_nothing_is_written(more, says, handed_in, tmp_path):
    with pytest.raises(BadInput, match=says):
        submission.unpack(zipped(handed_in, more), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zip_that_unpacks_to_too_much_is_refused(handed_in, tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "MOST_BYTES", 1000)
    with pytest.raises(BadInput, match="more than 1,000 bytes"):
        submission.unpack(zipped(handed_in), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(40)])
def test_what_is_no_zip_is_refused(content, tmp_path):
    (tmp_path / "some.zip").write_bytes(content)
    with pytest.raises(BadInput, match="is no zip file"):
        submission.unpack(tmp_path / "some.zip", tmp_path / "out")


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "rows.json", "keys.bin"])
def test_what_is_missing_is_named(name, handed_in, tmp_path):
    submission.unpack(zipped(handed_in, without=[name]), tmp_path / "out")
    with pytest.raises(BadInput, match=f"lacks {name}"):
        Submission.load(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.json", b"{}", "model.json: "),
        ("model.json", b"\xff", "model.json: "),
        ("rows.json", b'{"days": ["yesterday"]}', "rows.json: "),
        ("rows.json", b'{"days": ["2013-99-99"]}', "rows.json: "),
        ("keys.bin", b"123", "keys.bin"),
    ],
)
def test_what_is_broken_is_named(name, content, says, handed_in):
    (handed_in / name).chmod(0o644)
    (handed_in / name).write_bytes(content)
    with pytest.raises(BadInput, match=says):
        Submission.load(handed_in)


def test_a_training_that_failed_says_why(tmp_path):
    save(tmp_path / "failed.json", Failure(version=1, failed="column 'hour' is empty"))
    with pytest.raises(BadInput, match="column 'hour' is empty"):
        Submission.load(tmp_path)


def test_a_model_that_its_repetition_contradicts_is_not_reproducible(handed_in):
    (handed_in / "repeats/0.onnx").chmod(0o644)
    (handed_in / "repeats/0.onnx").write_bytes(b"other")
    assert not Submission.load(handed_in).reproducible
