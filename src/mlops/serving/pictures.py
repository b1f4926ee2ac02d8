"""Two pictures as inline SVG, drawn by hand, as the service has no library for it; the page's style colours them."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 400, 130
LEFT, BOTTOM, TOP = 44, 20, 8


def bars(title: str, values: Sequence[tuple[str, int]]) -> str:
    """One bar a value, with its name below."""
    most, wide = max((number for _, number in values), default=0) or 1, WIDTH / max(len(values), 1)
    room, parts = HEIGHT - BOTTOM - TOP - 12, []
    for place, (name, number) in enumerate(values):
        tall, middle = number / most * room, (place + 0.5) * wide
        at = HEIGHT - BOTTOM - tall
        parts.append(f'<rect x="{place * wide + 2:.1f}" y="{at:.1f}" width="{wide - 4:.1f}" height="{tall:.1f}"/>')
        parts.append(_text(middle, HEIGHT - 6, name))
        if number:
            parts.append(_text(middle, at - 3, _short(number)))
    return _svg(title, parts)


def dots(title: str, days: Sequence[tuple[str, float, float, float]], level: float | None) -> str:
    """A dot with its interval a day: (name, value, low, high); a dashed line at `level`."""
    known = [*(value for day in days for value in day[1:]), *([] if level is None else [level])]
    low, high = min(known), max(known)
    scale = (HEIGHT - BOTTOM - TOP) / ((high - low) or 1)
    wide, parts = (WIDTH - LEFT) / len(days), []

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) * scale

    if level is not None:
        parts.append(f'<line class="level" x1="{LEFT}" x2="{WIDTH}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>')
    every = -(-len(days) // 6)
    for place, (name, value, under, over) in enumerate(days):
        x = LEFT + (place + 0.5) * wide
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(under):.1f}" y2="{y(over):.1f}"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y(value):.1f}" r="3"/>')
        if place % every == 0:
            parts.append(_text(x, HEIGHT - 6, name))
    parts += [_text(LEFT - 6, y(value) + 3, f"{value:.3g}", "end") for value in (low, high)]
    return _svg(title, parts)


def _svg(title: str, parts: list[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
    return f"{head}{''.join(parts)}</svg>"


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _short(number: int) -> str:
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= 10 * size:
            return f"{number / size:.0f}{unit}"
    return str(number)
