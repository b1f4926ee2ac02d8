from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mlops.adopting import infer, table
from mlops.adopting.infer import Guess
from mlops.adopting.table import Wish


@pytest.fixture
def guessed(tmp_path: Path) -> Callable[..., Guess]:
    """What is inferred of a few columns, once they are a CSV file."""

    def guess(target: str = "y", **columns: object) -> Guess:
        more = {name: columns.pop(name) for name in ("time", "slices", "keep", "task") if name in columns}
        pd.DataFrame(columns).to_csv(tmp_path / "a.csv", index=False)
        wish = Wish(target, **more)
        return infer.guess(table.load(tmp_path / "a.csv", wish), wish)

    return guess
