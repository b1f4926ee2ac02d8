"""The one comment: by CML where it can, through the API where it can't, never twice."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops import commenting
from mlops.hub import Hub
from mlops.judging import publishing
from rehearsal.api import GitHub
from tests.rehearsal.conftest import CML, Job

RIGHTS = {"pull-requests": "write", "actions": "read"}


@pytest.fixture
def pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[GitHub, int]]:
    with GitHub(tmp_path / "github") as github:
        variables = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github.repository, "GITHUB_SHA": "a" * 40}
        for name, value in {**variables, "GITHUB_TOKEN": github.token(RIGHTS), "GITHUB_ACTOR": "ann"}.items():
            monkeypatch.setenv(name, value)
        yield github, github.open_pull_request(head_branch="change", head_sha="b" * 40)


def post(tmp_path: Path, number: int, text: str, cml: Path) -> str:
    report = tmp_path / "report.md"
    report.write_text(text)
    pull = Hub.connect(os.environ).repository.get_pull(number)
    with commenting.install(cml) as installed:
        return commenting.post(pull, report, cml, installed)


def bodies(pull: tuple[GitHub, int]) -> list[str]:
    return [comment["body"] for comment in pull[0].comments(pull[1]) if publishing.is_marked(comment["body"])]


def test_cml_posts_and_updates_one_comment(
    pull: tuple[GitHub, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cml = shutil.copytree(CML, tmp_path / "cml")
    first, second = (post(tmp_path, pull[1], text, cml) for text in ("first", "second"))
    assert first == second
    assert [body.splitlines()[0] for body in bodies(pull)] == ["second"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("how", ["missing", "failing"])
def test_without_cml_the_api_posts_and_updates_under_the_same_watermark(
    how: str, pull: tuple[GitHub, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cml = tmp_path / "cml"
    if how == "failing":
        shutil.copytree(CML, cml)
        (cml / "bin/cml.js").write_text("process.exit(1)")
    for text in ("first", "second"):
        post(tmp_path, pull[1], text, cml)
    assert [body.splitlines()[0] for body in bodies(pull)] == ["second"]
    assert "commenting through the API" in capsys.readouterr().err


def test_comment_behind_thirty_others_is_updated_where_it_stands(pull: tuple[GitHub, int], tmp_path: Path) -> None:
    github, number = pull
    talker = Job(github, github.token({"pull-requests": "write"}, "talker"))
    cml = shutil.copytree(CML, tmp_path / "cml")
    for n in range(35):
        talker.post(f"/issues/{number}/comments", {"body": f"thought {n}"})
    for text in ("first", "second"):
        post(tmp_path, number, text, cml)
    assert [body.splitlines()[0] for body in bodies(pull)] == ["second"]
