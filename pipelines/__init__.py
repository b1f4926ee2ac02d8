"""The verbs: one thin module a step, run as ``python -m pipelines.<verb>`` from the root of a tree."""

import atexit
import gc
import os
import sys
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))  # the src/ beside this file, in a scratch copy, too

# Threads of OpenMP that wait for work would spin, and take the time of whatever else runs: on two busy cores, one fit
# took 32 s in place of 5. Read when the first library that uses OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A step imports half a million objects that live to its end. Searched at Python's usual rate, and once more at the
# end, they cost the training 0.7 of its 1.9 seconds of imports.
gc.set_threshold(100_000, 10, 10)
atexit.register(gc.freeze)


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what a person must mend as one line; anything else is a bug, and keeps its traceback."""
    from mlops.contract import BadInput

    if issubclass(kind, BadInput):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _explain
