"""Everything that could be found in a window, and how large it is."""

from dataclasses import dataclass

from mlops.judging.metrics import Floats, Ints
from mlops.watching import drift, quality
from mlops.watching.layout import Layout

Key = tuple[str, str]  # kind of finding, column
ROWS = "rows"
SMALLEST = {
    "missing": 0.05,
    "range": 0.005,
    "category": 0.01,
    "gone": 0.01,
    "frozen": 0.5,
    "volume": 0.4,  # e^0.4 = 1.5
}
SMALLEST_DRIFT = {"text": 0.1, "number": 0.2, "pair": 0.2, "score": 0.2}  # 0.2: "small" (Cohen 1988)


def measure(window: dict[str, Ints], usual: dict[str, Ints], plan: Layout) -> dict[Key, Floats]:
    """Size of everything that could be found in windows of counts (n_windows, n_bins) by column."""
    sizes: dict[Key, Floats] = {}
    for name, bins in plan.bins.items():
        if bins.role in ("number", "text"):
            faults = quality.effects(window[name], usual[name], bins)
            sizes |= {(kind, name): size for kind, size in faults.items()}
        kind = {"pair": "relation", "score": "score"}.get(bins.role, "drift")
        sizes[kind, name] = drift.effect(window[name], usual[name], bins)
    return sizes


def smallest(key: Key, plan: Layout) -> float:
    """The size below which nothing is worth an alarm, however steady the past was."""
    kind, name = key
    return SMALLEST[kind] if kind in SMALLEST else SMALLEST_DRIFT[plan.bins[name].role]


@dataclass(frozen=True)
class Size:
    """How large something is in a window, and from which size on it is an alarm."""

    kind: str
    column: str
    size: float
    level: float

    @property
    def alarms(self) -> bool:
        return self.size > self.level
