"""End with the decision of the last experiment: the step that comes last, so that a refusal is reported, too.

Not a stage: experiment/comparison.json -> exit status 0 accepted, 1 refused.
"""

import sys
from pathlib import Path

from mlops.contract import decode
from mlops.judging.record import Comparison


def main(root: Path = Path()) -> int:
    found = decode(Comparison, (root / "experiment/comparison.json").read_bytes(), "experiment/comparison.json")
    print(f"{'accepted' if found.decision.accepted else 'refused'}: {'; '.join(found.decision.reasons)}")
    return 0 if found.decision.accepted else 1


if __name__ == "__main__":
    sys.exit(main())
