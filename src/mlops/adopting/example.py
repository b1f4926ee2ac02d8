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
)
PASSAGE = re.compile(r"^(?:<!--|#) example\b.*?^(?:<!--|#) end of example\b[^\n]*\n\n*", re.DOTALL | re.MULTILINE)
MARKED = ("README.md", "noxfile.py")
CHECKS, SESSION = ".github/workflows/checks.yml", ", example]"  # the session that runs its tests


def without(text: str) -> str:
    """A text without the example's passages."""
    return PASSAGE.sub("", text).rstrip("\n") + "\n"


def leave(root: Path) -> None:
    """Take the example out of a work tree; what is gone already stays gone."""
    for name in LEAVING:
        path = root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in MARKED:
        path = root / name
        path.write_text(without(path.read_text(encoding="utf-8")), encoding="utf-8")
    checks = root / CHECKS
    checks.write_text(checks.read_text(encoding="utf-8").replace(SESSION, "]"), encoding="utf-8")
