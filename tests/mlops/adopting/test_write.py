"""What adopting writes into files that people go on with."""

import pytest
import yaml

from mlops.adopting import example, write
from mlops.contract import BadInput, Schema, column
from tests.conftest import ROOT

SCHEMA = Schema(
    task="regression",
    columns={
        "size (m2)": column("number", "input", low=0, high=300, unit="m2"),
        "email": column("text", "ignored", sensitive=True),
        "age": column("integer", "input", low=0, high=150, missing=True),
        "a|b": column("text", "input", categories=("x|y", "z")),
        "price": column("number", "target"),
    },
)
PARAMS = """judge: # a word
  block: 3 # days
  trainings: 5

prepare:
  # one
  block: 7
  test_period: month # or year
"""


def test_params_change_where_they_are_named_and_comments_stay():
    text = write.params(PARAMS, {"prepare": {"test_period": "year", "block": 1}})
    assert yaml.safe_load(text)["prepare"] == {"block": 1, "test_period": "year"}
    assert text == PARAMS.replace("block: 7", "block: 1").replace("month", "year")
    with pytest.raises(BadInput, match=r"no key judge\.blocks to set to 1"):
        write.params(PARAMS, {"judge": {"blocks": 1}})


def test_the_purpose_of_the_example_gives_way_to_what_is_to_be_filled_in():
    text = write.params((ROOT / "params.yaml").read_text(), {"card": write.purpose(SCHEMA)})
    card = yaml.safe_load(text)["card"]
    assert card["meant_for"] == "to fill in: for which decisions price is predicted"
    assert card["not_meant_for"].startswith("to fill in")
    assert "# who answers for the model" in text


def test_a_value_that_goes_on_below_is_replaced_as_a_whole():
    text = "card:\n  for: One\n    two.\n  not: three\n"
    assert write.params(text, {"card": {"for": "four"}}) == "card:\n  for: four\n  not: three\n"


def test_the_readme_gets_a_paragraph_of_its_own_each_time():
    text = "# Title\n<!-- problem -->\nFlights.\n<!-- end of problem -->\n\nMore.\n"
    once = write.readme(text, SCHEMA, "`a.csv`", 1234)
    assert "predicts `price` (regression) from 3 inputs, learnt from 1,234 rows of `a.csv`" in once
    assert "Flights" not in once
    assert once.endswith("<!-- end of problem -->\n\nMore.\n")
    assert write.readme(once, SCHEMA, "`a.csv`", 1234) == once
    with pytest.raises(BadInput, match="put them back"):
        write.readme("# Title\n", SCHEMA, "`a.csv`", 1234)


def test_the_data_card_says_what_is_known_and_names_what_is_to_fill_in():
    text = write.card(SCHEMA, "`a.csv`", 1234, ["`email` is left out: it has one value only"])
    assert "| licence, and what it forbids | **to fill in** |" in text
    assert "| sensitive: tells who somebody is | `email` (masked); **to fill in** |" in text
    assert "| sensitive: nobody may be treated differently for it | `age`; **to fill in** |" in text
    assert "| `size (m2)` | number | input | m2 | 0 to 300 |  |" in text
    assert "| `age` | integer | input |  | 0 to 150 | yes |" in text
    assert "x\\|y, z" in text
    assert "- `email` is left out" in text


def test_passages_of_the_example_leave_and_all_else_stays():
    text = "one\n\n<!-- example -->\ntwo\n<!-- end of example -->\n\nthree\n# example: a word\ncode\n# end of example\n"
    assert example.without(text) == "one\n\nthree\n"
    assert example.without("one\n# an example\n") == "one\n# an example\n"


def test_everything_that_leaves_is_there_or_has_left():
    """A name that is misspelt in the list would stay behind."""
    here = {name for name in example.LEAVING if (ROOT / name).exists()}
    assert here in (set(), set(example.LEAVING))
