"""image.yml, run by act: what would be built, pushed and attested, and what starts it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.runs import Pushed
from rehearsal.sandbox import Sandbox, sandbox
from tests.conftest import Project, clone

pytestmark = pytest.mark.xdist_group("images")  # they share a sandbox


class Maintainer:
    """Pushes to main and starts workflows, in a sandbox of their own."""

    def __init__(self, github: Sandbox, project: Project) -> None:
        self.github, self.project = github, project
        self.main = github.publish(project.root, "HEAD", "main")
        self.registry = github.folder / "registry.jsonl"

    def pushes(self, file: str, **repository: Any) -> dict[str, str]:
        """Append a line to a file of main; the results of the jobs that this starts."""
        (self.project.root / file).write_text((self.project.root / file).read_text() + "\n# changed\n")
        self.project.commit()
        before, self.main = self.main, self.github.publish(self.project.root, "HEAD", "main")
        payload = self.github.api.push_event("main", before.sha)
        payload["repository"].update(repository)
        return self.happens("push", payload, self.main)

    def happens(self, event: str, payload: dict[str, Any], head: Pushed) -> dict[str, str]:
        self.registry.unlink(missing_ok=True)
        names = [path.name for path in (self.project.root / ".github/workflows").iterdir()]
        done = self.github.happen(event, payload, head, [name for name in names if name != "image.yml"])
        results = {job: result for one in done for job, result in one.outcome.jobs.items()}
        return {job: result for job, result in results.items() if job != "elsewhere"}

    def noted(self, kind: str) -> list[dict[str, Any]]:
        lines = self.registry.read_text().splitlines() if self.registry.exists() else []
        return [said for said in map(json.loads, lines) if kind in said]


@pytest.fixture(scope="module")
def maintainer(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maintainer]:
    folder = tmp_path_factory.mktemp("images")
    with sandbox(folder / "sandbox") as github:
        github.api.repository = "Owner/Project"
        yield Maintainer(github, clone(template, folder / "clone"))


def test_change_of_what_an_image_holds_pushes_all_with_their_provenance(maintainer: Maintainer) -> None:
    assert maintainer.pushes("uv.lock") == {"image": "success", "image-pass": "success"}
    assert {said["login"] for said in maintainer.noted("login")} == {"ghcr.io"}
    built = {said["build"]: said for said in maintainer.noted("build")}
    assert set(built) == {"service", "agent", "monitor"}
    for target, said in built.items():
        name = f"ghcr.io/owner/project/{target}"
        assert said["tags"].split() == [f"{name}:main", f"{name}:{maintainer.main.sha}"]
        assert f"image.revision={maintainer.main.sha}" in said["labels"]
        assert "image.source=https://github.com/Owner/Project" in said["labels"]
        assert said["push"] == "true"
    attested = {(said["attest"], said["of"], said["push"]) for said in maintainer.noted("attest")}
    assert attested == {(f"ghcr.io/owner/project/{target}", said["digest"], "true") for target, said in built.items()}


def test_change_of_anything_else_builds_nothing(maintainer: Maintainer) -> None:
    assert maintainer.pushes("README.md") == {}
    assert maintainer.noted("build") == []


def test_started_by_hand_it_builds_what_is_there(maintainer: Maintainer) -> None:
    payload = maintainer.github.api.event("workflow_dispatch", ref="refs/heads/main", inputs=None)
    assert maintainer.happens("workflow_dispatch", payload, maintainer.main)["image-pass"] == "success"
    assert len(maintainer.noted("build")) == 3


def test_template_itself_pushes_nothing(maintainer: Maintainer) -> None:
    assert set(maintainer.pushes("uv.lock", is_template=True).values()) <= {"skipped"}
    assert maintainer.noted("build") == []


def test_a_fork_pushes_nothing(maintainer: Maintainer) -> None:
    assert set(maintainer.pushes("uv.lock", fork=True).values()) <= {"skipped"}
    assert maintainer.noted("build") == []


def test_private_repository_has_images_without_attestation(maintainer: Maintainer) -> None:
    assert maintainer.pushes("uv.lock", private=True)["image-pass"] == "success"
    assert len(maintainer.noted("build")) == 3
    assert maintainer.noted("attest") == []


def test_target_that_is_missing_fails_the_run(maintainer: Maintainer) -> None:
    maintainer.project.edit("deploy/Containerfile", "AS agent\n", "AS other\n")
    assert maintainer.pushes("uv.lock") == {"image": "failure", "image-pass": "failure"}
    assert {said["build"] for said in maintainer.noted("build")} == {"service", "monitor"}
    maintainer.project.edit("deploy/Containerfile", "AS other\n", "AS agent\n")
    assert maintainer.pushes("uv.lock")["image-pass"] == "success"
