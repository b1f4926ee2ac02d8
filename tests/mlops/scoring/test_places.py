"""Which files are scored, and where their predictions may go."""

import pytest

from mlops.contract import BadInput
from mlops.scoring.places import Place, partitions


def laid(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return Place.of(str(folder))


def test_every_file_of_rows_counts_and_what_is_hidden_does_not(tmp_path):
    given = laid(tmp_path / "in", "b.csv", "a/c.parquet", "_SUCCESS", ".a.parquet.12.part", "_old/d.csv")
    source, parts = partitions(given, Place.of(str(tmp_path / "out")))
    assert source == given
    assert [(part.name, part.output) for part in parts] == [("a/c.parquet", "a/c.parquet"), ("b.csv", "b.parquet")]


def test_one_file_may_lie_beside_its_predictions(tmp_path):
    laid(tmp_path, "rows/b.csv", "rows/c.csv")
    source, parts = partitions(Place.of(str(tmp_path / "rows/b.csv")), Place.of(str(tmp_path / "rows")))
    assert (source.url, [part.name for part in parts]) == (str(tmp_path / "rows"), ["b.csv"])


@pytest.mark.parametrize(
    ("names", "given", "target", "fault"),
    [
        (["in/a.txt"], "in", "out", "in/a.txt: rows come as .parquet or .csv"),
        (["in/a.csv", "in/a.parquet"], "in", "out", "a.csv and a.parquet would both become a.parquet"),
        (["in/.hidden.csv"], "in", "out", "in: no .parquet or .csv file there"),
        ([], "in", "out", "in: no .parquet or .csv file there"),
        (["in/a.csv"], "in", "in/out", "in/out: predictions would lie among the rows"),
        (["in/a.csv"], "in", "in", "in: predictions would lie among the rows"),
        (["in/a.parquet"], "in/a.parquet", "in", "in: predictions would lie among the rows"),
    ],
)
def test_what_can_not_be_scored_or_would_be_overwritten_is_refused(tmp_path, names, given, target, fault):
    laid(tmp_path, *names)
    with pytest.raises(BadInput, match=fault):
        partitions(Place.of(str(tmp_path / given)), Place.of(str(tmp_path / target)))


def test_an_address_that_nobody_knows_is_refused():
    with pytest.raises(BadInput, match="ftp://x: expected a folder or one of s3://"):
        partitions(Place.of("ftp://x"), Place.of("out"))


def test_azures_short_name_is_known():
    assert Place.of("az://container/rows/") == Place.of("azure://container/rows")
