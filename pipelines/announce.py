"""Publish a version as a GitHub release, with its model card, model.onnx and model.json.

Not a stage: runs in deploy.yml; the tag exists, and what is published already stays as it is.
"""

import argparse
from pathlib import Path

from mlops import console, workspace
from mlops.hub import Hub
from mlops.releasing import registry, release

ATTACHED = ("artifacts/model.onnx", "artifacts/model.json", "MODEL_CARD.md")


def main(root: Path, version: str) -> None:
    commit = registry.Registry.read(root).commit(version)
    folder = release.fetch(root, commit, root / release.SCRATCH / "announced")
    card = workspace.git(root, "show", f"{commit}:MODEL_CARD.md") + "\n"
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    console.say(Hub.connect().publish(f"model@{version}", card, [folder / name for name in ATTACHED]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="announce", description=__doc__)
    parser.add_argument("version", help="such as v1.2.0")
    main(Path().resolve(), parser.parse_args().version)
