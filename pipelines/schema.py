"""Write the JSON schema of comparison.json beside its records.

Not a stage: src/mlops/judging/record.py -> src/mlops/judging/comparison.schema.json
"""

from pathlib import Path

import msgspec

from mlops.contract import save
from mlops.judging.record import Comparison, Failure


def main(root: Path = Path()) -> None:
    save(root / "src/mlops/judging/comparison.schema.json", schema())


def schema() -> dict[str, object]:
    """The schema that a reader of comparison.json checks it with."""
    either, parts = msgspec.json.schema_components([Comparison, Failure], ref_template="#/$defs/{name}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": list(either), "$defs": parts}


if __name__ == "__main__":
    main()
