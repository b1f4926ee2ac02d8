"""Write the JSON schemas of comparison.json and monitor.json beside their records.

Not a stage: src/mlops/judging/record.py, src/mlops/watching/record.py -> comparison.schema.json, monitor.schema.json
"""

from pathlib import Path

import msgspec

from mlops.contract import save
from mlops.judging.record import Comparison, Failure
from mlops.watching.record import Monitor

FILES = {
    "src/mlops/judging/comparison.schema.json": (Comparison, Failure),
    "src/mlops/watching/monitor.schema.json": (Monitor,),
}


def main(root: Path = Path()) -> None:
    for path, kinds in FILES.items():
        save(root / path, schema(*kinds))


def schema(*kinds: type) -> dict[str, object]:
    """The schema that a reader checks such a file with."""
    either, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": list(either), "$defs": parts}


if __name__ == "__main__":
    main()
