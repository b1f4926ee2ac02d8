"""The verbs: one thin module a step, run as ``python -m pipelines.<verb>`` from the root of a tree."""

import sys
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))  # the src/ beside this file, in a scratch copy, too


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what a person must mend as one line; anything else is a bug, and keeps its traceback."""
    from mlops.contract import BadInput

    if issubclass(kind, BadInput):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _explain
