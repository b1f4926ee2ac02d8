"""Every figure that the project claims, re-measurable: ``nox -s bench -- NAME [--quick] [--json FILE]``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
