"""Small real tables that PyPI packages ship, as a stranger would have them: files."""

from pathlib import Path

TABLES = Path(__file__).parent / "tables"
