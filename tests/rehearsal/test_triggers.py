"""When a workflow starts: GitHub's patterns, and the filters by branch, tag and path."""

from typing import Any

import pytest

from rehearsal import globs, triggers


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*", ["README.md", "server.rb"], ["docs/README.md"]),
        ("**", ["all/the/files.md", "README.md"], []),
        ("*.js", ["app.js"], ["js/app.js", "app.jsx", "appxjs"]),
        ("*.jsx?", ["page.js", "page.jsx"], ["page.jsxx", "page.j"]),
        ("**.js", ["index.js", "src/js/app.js"], ["index.ts"]),
        ("docs/*", ["docs/README.md"], ["docs/mona/octocat.txt", "docs"]),
        ("docs/**", ["docs/README.md", "docs/mona/octocat.txt"], ["my/docs/README.md"]),
        ("docs/**/*.md", ["docs/README.md", "docs/a/markdown/file.md"], ["docs/file.txt"]),
        ("**/docs/**", ["docs/hello.md", "space/docs/plan/space.doc"], ["mydocs/hello.md"]),
        ("**/*src/**", ["a/src/app.js", "my-src/code/js/app.js"], ["source/app.js"]),
        ("**/README.md", ["README.md", "js/README.md"], ["js/MYREADME.md"]),
        ("v[12].[0-9]+.[0-9]+", ["v1.10.1", "v2.0.0"], ["v3.0.0", "v1.x.1", "v1-0-0"]),
        (r"\!file", ["!file"], ["file"]),
        (r"c\+\+", ["c++"], ["ccc"]),
        ("feature/*", ["feature/my-branch"], ["feature/beta-a/my-branch"]),
        (".yml", [".yml"], ["fyml"]),
    ],
)
def test_pattern_takes_what_github_says(pattern: str, taken: list[str], left: list[str]) -> None:
    assert [name for name in [*taken, *left] if globs.matches(name, [pattern])] == taken


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        (["*.md", "!README.md"], ["hello.md"]),
        (["*.md", "!README.md", "README*"], ["hello.md", "README.md", "README.doc"]),
        (["!README.md"], []),
        ([], []),
    ],
)
def test_later_patterns_win(patterns: list[str], taken: list[str]) -> None:
    names = ["hello.md", "README.md", "README.doc", "docs/hello.md"]
    assert [name for name in names if globs.matches(name, patterns)] == taken


PUSH = {"ref": "refs/heads/main"}
TAG = {"ref": "refs/tags/v1"}
PULL = {"action": "opened", "pull_request": {"base": {"ref": "main"}}}


@pytest.mark.parametrize(
    ("filters", "payload", "changed", "started"),
    [
        ({"paths": ["src/**"]}, PUSH, ["README.md", "src/a/b.py"], True),
        ({"paths": ["src/**"]}, PUSH, ["README.md"], False),
        ({"paths": ["src/**", "!src/docs/**"]}, PUSH, ["src/docs/a.md"], False),
        ({"paths": ["src/**", "!src/docs/**"]}, PUSH, ["src/docs/a.md", "src/a.py"], True),
        ({"paths-ignore": ["docs/**", "*.md"]}, PUSH, ["docs/a.txt", "README.md"], False),
        ({"paths-ignore": ["docs/**", "*.md"]}, PUSH, ["docs/a.txt", "uv.lock"], True),
        ({"branches": ["main"], "paths": ["src/**"]}, PUSH, ["src/a.py"], True),
        ({"branches": ["next"], "paths": ["src/**"]}, PUSH, ["src/a.py"], False),
        ({"branches": ["main"], "paths": ["src/**"]}, PUSH, ["uv.lock"], False),
        ({"paths": ["src/**"]}, TAG, ["uv.lock"], True),  # paths don't count for tags
        ({"branches": ["main"]}, TAG, [], False),
        ({"branches": ["release/*"]}, {"ref": "refs/heads/release/1"}, [], True),
        ({"branches": ["release/*"]}, {"ref": "refs/heads/release/1/x"}, [], False),
        ({}, PUSH, [], True),
        ({"paths": ["src/**"]}, PULL, ["src/a.py"], True),
        ({"paths": ["src/**"]}, PULL, ["uv.lock"], False),
        ({"branches": ["next"], "paths": ["src/**"]}, PULL, ["src/a.py"], False),
    ],
)
def test_filters_decide(filters: dict[str, Any], payload: dict[str, Any], changed: list[str], started: bool) -> None:
    event = "pull_request" if "pull_request" in payload else "push"
    assert triggers.starts({"on": {event: filters}, "jobs": {}}, event, payload, changed) == started


def test_started_by_hand_whatever_changed() -> None:
    workflow = {"on": {"push": {"paths": ["src/**"]}, "workflow_dispatch": None}, "jobs": {}}
    assert triggers.starts(workflow, "workflow_dispatch", {})
    assert not triggers.starts(workflow, "schedule", {"schedule": "17 5 * * *"})


def test_a_schedule_starts_those_whose_hour_it_is():
    workflow = {"on": {"schedule": [{"cron": "17 5 * * *"}, {"cron": "1 1 1 1 *"}]}, "jobs": {}}
    assert triggers.starts(workflow, "schedule", {"schedule": "1 1 1 1 *"})
    assert not triggers.starts(workflow, "schedule", {"schedule": "2 2 2 2 *"})
