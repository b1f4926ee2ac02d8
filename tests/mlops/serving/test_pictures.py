from xml.etree import ElementTree

import pytest

from mlops.serving import pictures

DAY = ("06-01", 0.5, 0.4, 0.6)


@pytest.mark.parametrize(
    "picture",
    [
        pictures.bars("latency", [("1", 0), ("2", 5), ("<&>", 12_345)]),
        pictures.bars("nothing", []),
        pictures.dots("loss", [DAY, ("06-02", 0.7, 0.6, 0.8)], 0.45),
        pictures.dots("one value", [("06-01", 0.5, 0.5, 0.5)], None),
        pictures.dots('a "quoted" title', [DAY] * 365, None),
    ],
)
def test_a_picture_is_well_formed_whatever_it_shows(picture):
    assert ElementTree.fromstring(picture).tag == "svg"  # noqa: S314 (our own)
    assert "nan" not in picture


def test_bars_are_in_proportion_and_numbers_short():
    root = ElementTree.fromstring(pictures.bars("x", [("a", 10_000), ("b", 20_000)]))  # noqa: S314 (our own)
    first, second = (float(bar.attrib["height"]) for bar in root.iter("rect"))
    assert second == pytest.approx(2 * first, abs=0.1)
    assert [text.text for text in root.iter("text")] == ["a", "10k", "b", "20k"]


def test_a_dot_lies_between_the_ends_of_its_interval_and_the_level_has_a_line():
    root = ElementTree.fromstring(pictures.dots("x", [DAY], 0.5))  # noqa: S314 (our own)
    (dot,), (level, interval) = root.iter("circle"), root.iter("line")
    assert float(interval.attrib["y2"]) < float(dot.attrib["cy"]) < float(interval.attrib["y1"])
    assert level.attrib["class"] == "level"
    assert level.attrib["y1"] == dot.attrib["cy"]
