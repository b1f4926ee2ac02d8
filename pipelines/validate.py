"""Check every data file against the schema, and describe it.

Stage ``validate``: data/ -> artifacts/validation.json, artifacts/profile.json
"""

from pathlib import Path

from mlops import engine, params
from mlops.contract import save
from mlops.training import validate
from mlops.training.kept import Kept
from problem.schema import SCHEMA


def main(root: Path = Path()) -> None:
    known, kept = params.load(root), Kept.of(root)
    with engine.opened(known.engine) as mapping:
        found = validate.folder(root / "data", SCHEMA, known.validate.max_dropped, kept, mapping)
    print(kept)
    save(root / "artifacts/profile.json", found)
    save(
        root / "artifacts/validation.json",
        {
            name: {"rows": file.profile.rows, "dropped": file.dropped, "passed": file.passed}
            for name, file in found.items()
        },
    )


if __name__ == "__main__":
    main()
