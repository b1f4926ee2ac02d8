"""What the tests of the example share: a template whose judge trains less often, which is quicker."""

from pathlib import Path

import pytest

from tests.conftest import clone

LESS = {"trainings: 5": "trainings: 3", "resamples: 2000": "resamples: 500"}


@pytest.fixture(scope="session")
def quicker(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template, whose verdicts rest on fewer trainings; they are as clear for changes as large as those here."""
    project = clone(template, tmp_path_factory.mktemp("quicker") / "template")
    for old, new in LESS.items():
        project.edit("params.yaml", old, new)
    project.commit("A quicker judge")
    project.must("git", "switch", "--quiet", "--force-create", "main")
    return project.root
