"""Counts and latencies in the text format of Prometheus. One process serves, so what it counted is all there is."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mlops.challenge import Challenge

PREFIX = "serving_"
BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)  # seconds
HELP = {
    "requests_total": "Requests by path and status",
    "rows_total": "Rows answered",
    "out_of_range_total": "Values outside the schema's range or categories, by column",
    "lost_predictions_total": "Predictions answered though the disk did not take them",
    "ship_failures_total": "Deliveries from the spool to the store that failed",
    "load_failures_total": "Releases that were refused",
    "challenger_rows_total": "Rows that the challenger scored, or answered",
    "challenger_failures_total": "Rows that the challenger could not score",
    "challenger_dropped_total": "Rows that the challenger in shadow had no time for",
}
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters by name and labels, and the latency of `/predict`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Labels]] = Counter({(name, ()): 0 for name in HELP if _plain(name)})
        self._latencies = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self.started = datetime.now(UTC)

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        self._counts[name, tuple(labels.items())] += by

    def observe(self, seconds: float) -> None:
        self._latencies[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def counted(self, name: str) -> dict[Labels, int]:
        """What was counted under a name, by labels."""
        return {labels: value for (key, labels), value in self._counts.copy().items() if key == name}

    def latencies(self) -> list[tuple[float, int]]:
        """Requests to `/predict` that took at most so many seconds, and longer than the bound before."""
        return list(zip((*BOUNDS, float("inf")), self._latencies, strict=True))

    def within(self, share: float) -> float | None:
        """The bound in seconds that this share of the requests kept; None before the first."""
        total, wanted = 0, share * sum(self._latencies)
        for bound, number in self.latencies():
            total += number
            if number and total >= wanted:
                return bound
        return None

    def text(self, gauges: dict[str, float], version: str | None, challenge: Challenge | None = None) -> bytes:
        """Everything, as `/metrics` answers it."""
        lines = [*self._counters(), *self._histogram()]
        for name, value in gauges.items():
            lines += _family(name, "gauge", name.replace("_", " "), [("", (), value)])
        known: Labels = (("version", version or "none"),)
        lines += _family("model_info", "gauge", "The version that is served", [("", known, 1)])
        if challenge:
            how: Labels = (("version", challenge.version), ("mode", challenge.mode))
            lines += _family(
                "challenger_share", "gauge", "Share of the rows that it gets", [("", how, challenge.share)]
            )
        return ("\n".join(lines) + "\n").encode()

    def _counters(self) -> Iterator[str]:
        counted = sorted(self._counts.copy().items())
        for name, about in HELP.items():
            samples = [("", labels, value) for (key, labels), value in counted if key == name]
            yield from _family(name, "counter", about, samples)

    def _histogram(self) -> Iterator[str]:
        total = 0
        samples: list[tuple[str, Labels, float]] = []
        for bound, number in zip((*BOUNDS, float("inf")), self._latencies, strict=True):
            total += number
            samples.append(("_bucket", (("le", f"{bound:g}".replace("inf", "+Inf")),), total))
        samples += [("_sum", (), self._seconds), ("_count", (), total)]
        yield from _family("predict_seconds", "histogram", "Time from request to answer of /predict", samples)


def _plain(name: str) -> bool:
    """Counters without labels are shown from the start, so that an alert sees the first step."""
    return name not in ("requests_total", "out_of_range_total")


def _family(name: str, kind: str, about: str, samples: Iterable[tuple[str, Labels, float]]) -> Iterator[str]:
    name = PREFIX + name
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    for suffix, labels, value in samples:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        yield f"{name}{suffix}{f'{{{shown}}}' if shown else ''} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
