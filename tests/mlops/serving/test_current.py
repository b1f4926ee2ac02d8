import msgspec
import pytest

from mlops.contract import BadInput, save
from mlops.serving.answers import told
from mlops.serving.current import Current, load
from tests.mlops.serving.conftest import LIMITS, ROW, graph, info, point, release, seal


@pytest.fixture
def current(tmp_path):
    """What follows tmp_path; `failures` has an entry for each refused release."""
    failures = []
    made = Current(tmp_path, lambda folder: load(folder, LIMITS), lambda: failures.append(1))
    made.failures = failures
    return made


def speed(current):
    """What the served model predicts for a wind speed of 2.5."""
    rows, _ = current.served.requests.read(msgspec.json.encode({"rows": [ROW]}))
    return current.served.answer(current.served.asked(rows, None))[0].output["value"]


def test_nothing_is_served_before_the_first_release(current, tmp_path):
    current.look()
    assert current.served is None
    release(tmp_path, "v1.0.0")
    point(tmp_path, "v1.0.0")
    current.look()
    assert (current.served.release.version, speed(current)) == ("v1.0.0", 2.5)


def test_the_link_is_followed_forth_and_back(current, tmp_path):
    for version, factor in (("v1.0.0", 1), ("v2.0.0", 2)):
        release(tmp_path, version, factor)
    for version, expected in (("v1.0.0", 2.5), ("v2.0.0", 5.0), ("v1.0.0", 2.5)):
        point(tmp_path, version)
        current.look()
        assert (current.served.release.version, speed(current)) == (version, expected)
    assert current.failures == []


def test_what_is_served_stays_when_the_link_is_gone(current, tmp_path):
    release(tmp_path, "v1.0.0")
    point(tmp_path, "v1.0.0")
    current.look()
    (tmp_path / "current").unlink()
    current.look()
    assert current.served.release.version == "v1.0.0"


def other_bytes(folder):
    save(folder / "model.onnx", graph(3))


def no_model(folder):
    save(folder / "model.onnx", b"\x08pickle")
    seal(folder)


def other_predictions(folder):
    save(folder / "model.onnx", graph(3))
    seal(folder)


def not_info(folder):
    save(folder / "model.json", {"format": 1})
    seal(folder)


def another_version(folder):
    text = (folder / "release.json").read_bytes()
    save(folder / "release.json", text.replace(b"v2.0.0", b"v3.0.0"))


def unlisted(folder):
    save(folder / "release.json", {"version": folder.name, "commit": "0", "files": {}})


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (other_bytes, "model.onnx: its MD5 is"),
        (no_model, r"model\.onnx: .*(?i:protobuf)"),
        (other_predictions, "doesn't reproduce the golden rows"),
        (not_info, "model.json: .*missing required field"),
        (another_version, "says v3.0.0, but the folder is v2.0.0"),
        (unlisted, "release.json says None"),
        (lambda folder: (folder / "model.json").unlink(), "model.json: No such file"),
        (lambda folder: (folder / "release.json").unlink(), "release.json: No such file"),
    ],
)
def test_a_release_that_is_wrong_is_refused_and_the_old_one_stays(current, tmp_path, capfd, damage, reason):
    release(tmp_path, "v1.0.0")
    point(tmp_path, "v1.0.0")
    current.look()
    damage(release(tmp_path, "v2.0.0", 2))
    with pytest.raises(BadInput, match=reason):
        load(tmp_path / "v2.0.0", LIMITS)
    point(tmp_path, "v2.0.0")
    current.look()
    assert (current.served.release.version, speed(current)) == ("v1.0.0", 2.5)
    assert current.failures == [1]
    assert '"release refused","version":"v2.0.0"' in capfd.readouterr().out


def test_a_wrong_release_is_tried_again_later_and_another_one_at_once(current, tmp_path):
    folder = release(tmp_path, "v2.0.0", 2)
    other_bytes(folder)
    point(tmp_path, "v2.0.0")
    current.look()
    current.look()
    assert len(current.failures) == 1
    release(tmp_path, "v1.0.0")
    point(tmp_path, "v1.0.0")
    current.look()
    assert current.served.release.version == "v1.0.0"
    release(tmp_path, "v2.0.0", 2)
    point(tmp_path, "v2.0.0")
    current._again = 0
    current.look()
    assert current.served.release.version == "v2.0.0"


def test_classes_are_answered_by_name(tmp_path):
    save(tmp_path / "v1.0.0/model.onnx", graph(1))
    golden = {"golden": info().golden}
    save(tmp_path / "v1.0.0/model.json", info(classes=["only"], **golden))
    seal(tmp_path / "v1.0.0")
    served = load(tmp_path / "v1.0.0", LIMITS)
    rows, _ = served.requests.read(msgspec.json.encode({"rows": [ROW]}))
    kept = served.answer(served.asked(rows, ["a"]))
    assert told(kept) == [{"id": "a", "probabilities": {"only": 2.5}}]
    assert (kept[0].id, kept[0].output) == ("a", {"probabilities": {"only": 2.5}})
