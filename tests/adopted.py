"""A project that took up a stranger's table.

Features and model are linear ones, so that its tests say the same whatever src/problem has become.
"""

from pathlib import Path

from mlops.workspace import Workspace
from tests.conftest import Project, clone
from tests.strangers import STRANGERS

FEATURES = """from sklearn.preprocessing import StandardScaler


def build(schema):
    return StandardScaler()
"""
MODEL = """from typing import Annotated

from msgspec import Meta
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from mlops.contract import Strict
from problem import features


class Settings(Strict, frozen=True):
    strength: Annotated[float, Meta(gt=0)]


def build(settings, schema, seed):
    if schema.task == "regression":
        learner = Ridge(alpha=settings.strength)
    else:
        learner = LogisticRegression(C=settings.strength)
    return Pipeline([("features", features.build(schema)), ("model", learner)])
"""


def linear(template: Path, folder: Path, shared: Path) -> Project:
    """A clone with a linear model, on main."""
    project = clone(template, folder / "clone", shared)
    (project.root / "src/problem/features.py").write_text(FEATURES)
    (project.root / "src/problem/model.py").write_text(MODEL)
    here = Workspace(project.root, "HEAD", project.root)
    here.set_params("train", model={"strength": 1.0})
    here.set_params("judge", trainings=2)  # which is quicker
    project.commit("A linear model")
    return project


def adopted(project: Project, name: str) -> tuple[Project, str]:
    """The project with a stranger's table in the place of what was there, and what was said."""
    make, wish = STRANGERS[name]
    table = project.root.parent / "table"
    table.mkdir()
    options = ["--target", wish.target, *(["--time", wish.time] if wish.time else []), "--yes"]
    return project, project.must("python", "-m", "pipelines.adopt", str(make(table)), *options)
