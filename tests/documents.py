"""What a document promises: commands that exist with their options, paths, params, and links that lead somewhere."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from mlops.adopting import example
from tests import commands
from tests.commands import Sessions
from tests.conftest import ROOT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?(?:::\w+)?")
KEY = re.compile(r"(\w+(?:\.\w+)+)(?:: .*)?")
SUFFIXES = (".json", ".md", ".yml", ".html", ".yaml", ".py", ".parquet")
PROGRAMS = ("curl", "docker", "dvc", "git", "gto", "kubectl", "make", "nox", "python")


def faults(text: str, folder: Path, known: Sessions) -> list[str]:
    """Everything that a document in `folder` promises in vain."""
    spans = SPAN.findall(FENCE.sub("", text))
    found = [f"`{' '.join(words)}`: {wrong}" for words in shown(text) if (wrong := commands.fault(words, known))]
    found += [f"`{key}`: params.yaml has no such key" for key in _keys(spans)]
    found += [f"`{name}`: there is no such path" for name in _gone(spans, folder)]
    return found + [f"({link}) leads nowhere" for link in LINK.findall(text) if not _leads(link, folder)]


def shown(text: str) -> Iterator[list[str]]:
    """Every command that a document shows, as words."""
    for kind, block in FENCE.findall(text):
        for line in block.splitlines():
            yield from commands.split(line, () if kind == "sh" else PROGRAMS)
    for span in SPAN.findall(FENCE.sub("", text)):
        if span.split()[0] in PROGRAMS and " " in span and not re.search(r"\bNAME\b|<|\{", span):
            yield from commands.split(re.sub(r"[\[\]]", "", span))


def _keys(spans: list[str]) -> Iterator[str]:
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key in [found[1] for span in spans if (found := KEY.fullmatch(span)) and not found[1].endswith(SUFFIXES)]:
        inner, names = values, key.split(".")
        while names and isinstance(inner, dict) and names[0] in inner:
            inner = inner[names.pop(0)]
        if names and key.split(".")[0] in values:
            yield key


def _gone(spans: list[str], folder: Path) -> Iterator[str]:
    """Paths that aren't there, are nothing that a run makes (git ignores that), and haven't left with the example."""
    names = {span.partition("::")[0] for span in spans if "/" in span[1:] and PATH.fullmatch(span)}
    left = () if (ROOT / "tests/example").is_dir() else example.LEAVING
    gone = [n for n in sorted(names) if not any([*ROOT.glob(n), *folder.glob(n)]) and not n.startswith(left)]
    made = subprocess.run(["git", "check-ignore", "--", *gone], cwd=ROOT, capture_output=True, text=True, check=False)
    yield from set(gone) - set(made.stdout.splitlines())


def _leads(link: str, folder: Path) -> bool:
    if "://" in link or link.startswith("mailto:"):
        return True
    name, _, anchor = link.partition("#")
    place = folder / name if name else None
    if place and not place.exists():
        return False
    return not anchor or anchor in _anchors(place)


def _anchors(place: Path | None) -> set[str]:
    text = place.read_text(encoding="utf-8") if place else ""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}
