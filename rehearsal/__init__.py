"""GitHub on a laptop: what the demo and the tests run the workflows against."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
