"""Numbers and times as the status page says them."""

import re
from datetime import UTC, datetime, timedelta


def change(difference: float, low: float, high: float) -> str:
    return f"{difference:+.3f} [{low:+.3f}, {high:+.3f}]"


def share(part: int, total: int) -> str:
    return f"{part / total:.2%}" if total else "-"


def seconds(bound: float | None, short: bool = False) -> str:
    if bound is None:
        return "-"
    if bound == float("inf"):
        return "more" if short else "more than 5 s"
    return f"{bound:g} s" if bound >= 1 else f"{bound * 1000:g}{'' if short else ' ms'}"


def time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "an unknown time"


def ago(gone: timedelta) -> str:
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        number = gone // length
        if number >= 1:
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
