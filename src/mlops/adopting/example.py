"""What of the template is its example, and leaves a project that has data of its own.

Files that are all the example's are listed here. Elsewhere, passages of it stand between the lines `example` and
`end of example`, each a comment of its own. An update takes both out of a newer template, too.
"""

import re
import shutil
from pathlib import Path

LEAVING = (
    ".dvc/seed",
    "benchmarks",
    "live.dvc",
    "pipelines/bundle.py",
    "rehearsal/demo.py",
    "rehearsal/summer.py",
    "tests/azurite",
    "tests/example",
    "tests/github",
)
PASSAGE = re.compile(r"^(?:<!--|#) example\b.*?^(?:<!--|#) end of example\b[^\n]*\n\n*", re.DOTALL | re.MULTILINE)
MARKED = ("README.md", "noxfile.py")
CHECKS, SESSION = ".github/workflows/checks.yml", ", example]"  # the session that runs its tests
CUT = (*MARKED, CHECKS)


def without(text: str) -> str:
    """A text without the example's passages."""
    return PASSAGE.sub("", text).rstrip("\n") + "\n"


def cut(name: str, text: str) -> str:
    """What is left of a file of `CUT`."""
    return text.replace(SESSION, "]") if name == CHECKS else without(text)


def leave(root: Path) -> None:
    """Take the example out of a work tree; what is gone already stays gone."""
    for name in LEAVING:
        path = root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in CUT:
        path = root / name
        path.write_text(cut(name, path.read_text(encoding="utf-8")), encoding="utf-8")
