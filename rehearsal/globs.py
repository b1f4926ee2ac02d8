"""GitHub's patterns for branches, tags and paths. They differ from a shell's: `*` stops at a slash, `?` and `+` repeat.

References
----------
docs.github.com: Workflow syntax for GitHub Actions, filter pattern cheat sheet.
"""

import re
from collections.abc import Iterable
from functools import cache

PARTS = re.compile(r"(?P<folders>\*\*/)|(?P<all>\*\*)|(?P<name>\*)|(?P<set>\[[^]]+\])|\\(?P<literal>.)|(?P<rest>.)")
KNOWN = {"folders": "(?:.+/)?", "all": "(?:.*)", "name": "(?:[^/]*)"}


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Do the patterns take `name`? Later ones win; one that starts with `!` gives names up again."""
    found = False
    for pattern in patterns:
        if _compiled(pattern.removeprefix("!")).fullmatch(name):
            found = not pattern.startswith("!")
    return found


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    words = [_translated(part) for part in PARTS.finditer(pattern)]
    return re.compile("".join(words))


def _translated(part: re.Match[str]) -> str:
    kind, text = str(part.lastgroup), str(part[part.lastgroup or 0])
    if kind == "set" or (kind == "rest" and text in "?+" and part.start()):
        return text  # these mean what they mean in a regular expression
    return KNOWN.get(kind) or re.escape(text)
