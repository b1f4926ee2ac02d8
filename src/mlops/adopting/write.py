"""What adopting writes for people to go on with: schema.py, params.yaml, the README's paragraph, the data card."""

import json
import re
import subprocess
from collections.abc import Sequence
from typing import Any

from mlops.adopting import doubts
from mlops.contract import BadInput, Column, Schema

PROBLEM = re.compile(r"(<!-- problem -->\n).*?(<!-- end of problem -->\n)", re.DOTALL)
UNKNOWN = "**to fill in**"
CARD = "docs/data.md"
BRINGING = """## Bringing data

| to | run |
|---|---|
| see what is there: target, seasons, missing values, slices, drift | `nox -s explore` |
| take up what changed in `data/` | `dvc add data`, and commit `data.dvc` |
| know whether it is what the schema says | `nox -s repro -- validate` |
| know what it does to the model | `nox -s experiment` |
| send it where others find it | `nox -s storage -- push`; after `nox -s hooks`, once, it follows each push |

What validation refuses it names by file, column, values and number of rows, with a remedy. Per column the schema says
what becomes of a value outside its range or categories: `outliers="error"`, `"drop"` (its row is left out, up to
`validate.max_dropped` of a file) or `"keep"`; both are counted in artifacts/validation.json. `missing=True` allows a
value to be absent. New rows come as a new file, CSV or Parquet; how those of production come, says
[monitoring.md](monitoring.md).
"""


def schema(found: Schema, source: str) -> str:
    """The text of src/problem/schema.py, formatted as `nox -s lint` wants it."""
    target = f"the {found.task} target {found.target!r}"
    settings = {"duplicates": found.duplicates if found.duplicates != "error" else "", "key": found.key}
    lines = [
        _docstring(f"Predicts {target} from {source}. What every column means."), "",
        "from mlops.contract import Schema, column", "",
        "# Written by `nox -s adopt`, and yours now. Ranges are wide guesses, and empty units are left to fill in.",
        "SCHEMA = Schema(", f"    task={found.task!r},",
        *(f"    {name}={value!r}," for name, value in settings.items() if value),
        "    columns={", *(f"        {name!r}: {_column(column)}," for name, column in found.columns.items()), "    },",
        ")", "",
    ]  # fmt: skip
    command = ["ruff", "format", "--quiet", "--line-length=120", "-"]
    return subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True).stdout


def params(text: str, values: dict[str, dict[str, Any]]) -> str:
    """params.yaml with other values of some keys, by block; comments stay."""
    for block, keys in values.items():
        for key, value in keys.items():
            start = rf"^{block}:.*\n(?:(?: .*)?\n)*?  {key}: "
            pattern = rf"(?m)({start})[^\n#]*?([ \t]*(?:#.*)?)$(?:\n {{4,}}.*)*"  # a long value may go on below
            plain = str(value).replace("\\", r"\\")
            text, count = re.subn(pattern, rf"\g<1>{plain}\g<2>", text, count=1)
            if not count:
                raise BadInput(f"params.yaml: there is no key {block}.{key} to set to {value}; add it")
    return text


def purpose(found: Schema) -> dict[str, str]:
    """What the model card says until a person does."""
    return {
        "meant_for": json.dumps(f"to fill in: for which decisions {found.target} is predicted"),
        "not_meant_for": json.dumps("to fill in: where its predictions would be wrong, or would do harm"),
    }


def readme(text: str, found: Schema, source: str, rows: int) -> str:
    """The README with the problem's paragraph between its two marks."""
    inputs = len(found.inputs)
    paragraph = (
        f"This project predicts `{found.target}` ({found.task}) from {inputs} input{'s' * (inputs > 1)}, learnt from "
        f"{rows:,} rows of {source}.\n[{CARD}]({CARD}) says what is known of the data, "
        "[src/problem/schema.py](src/problem/schema.py) what its columns mean.\n"
    )
    if not PROBLEM.search(text):
        raise BadInput("README.md: the marks `<!-- problem -->` and `<!-- end of problem -->` are gone; put them back")
    return PROBLEM.sub(lambda marks: f"{marks[1]}{paragraph}{marks[2]}", text)


def card(found: Schema, source: str, rows: int, remarks: Sequence[str]) -> str:
    """The data card; what nobody but a person can know is left to fill in, by name.

    References
    ----------
    Gebru et al. 2021, "Datasheets for datasets".
    """
    names = list(found.columns)
    masked = [f"`{name}` (masked)" for name in names if found.columns[name].sensitive]
    protected = [f"`{name}`" for name in names if doubts.protected(name)]
    lines = [
        "# Data card", "",
        "| | |", "|---|---|",
        f"| files | {source}: {rows:,} rows with a known `{found.target}` |",
        f"| source: who collected them, where, when, how | {UNKNOWN} |",
        f"| owner: whom to ask | {UNKNOWN} |",
        f"| licence, and what it forbids | {UNKNOWN} |",
        f"| sensitive: tells who somebody is | {', '.join(masked) or 'none by its name'}; {UNKNOWN} |",
        f"| sensitive: nobody may be treated differently for it | {', '.join(protected) or 'none by its name'}; "
        f"{UNKNOWN} |",
        f"| rows that are missing, and why | {UNKNOWN} |", "",
        "Columns marked `sensitive=True` in src/problem/schema.py are masked before a prediction is stored.", "",
        *BRINGING.splitlines(), "",
        "## What was found", "", *(f"- {remark}" for remark in remarks), "",
        "## Columns", "",
        "| column | type | role | unit | range or values | may be missing |", "|---|---|---|---|---|---|",
        *(_row(name, column) for name, column in found.columns.items()), "",
    ]  # fmt: skip
    return "\n".join(lines)


def _column(column: Column) -> str:
    """A call of `column` as a person would write it."""
    number = column.type in ("number", "integer") and "ignored" not in column.roles
    words = [repr(column.type), *map(repr, column.roles)]
    words += [f"{name}={_number(value)}" for name in ("low", "high") if (value := getattr(column, name)) is not None]
    words += [f"unit={column.unit!r}"] if number or column.unit else []
    words += [f"categories={column.categories!r}"] if column.categories else []
    words += [f"{name}=True" for name in ("missing", "sensitive") if getattr(column, name)]
    return f"column({', '.join(words)})"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _row(name: str, column: Column) -> str:
    limits = "" if column.low is None or column.high is None else f"{_number(column.low)} to {_number(column.high)}"
    cells = [f"`{name}`", column.type, ", ".join(column.roles), column.unit or "", limits or _values(column.categories)]
    return f"| {' | '.join([*cells, 'yes' if column.missing else ''])} |"


def _values(categories: Sequence[str]) -> str:
    return ", ".join(categories[:10]).replace("|", "\\|") + (", ..." if len(categories) > 10 else "")


def _docstring(text: str) -> str:
    plain_text = text.replace("\\", "/").replace('"', "'")
    return f'"""{plain_text}"""'
