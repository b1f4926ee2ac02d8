"""A tag counts if whoever may make it made it, under this name, for this repository; else for nothing."""

import subprocess
from pathlib import Path

import pytest

from mlops.contract import BadInput
from mlops.releasing import messages, registry, signing
from mlops.releasing.registry import Registry
from mlops.workspace import git

WHO = {f"GIT_{role}_{key}": "x@example.com" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}


class Repository:
    """Main says who signs; `keys` are the private halves by principal, and one of a stranger."""

    def __init__(self, root: Path) -> None:
        self.root, self.keys = root, dict[str, str]()
        git(root, "init", "--quiet", "--initial-branch=main")
        git(root, "remote", "add", "origin", "https://github.com/owner/project.git")
        public = {name: self._key(name) for name in ("release", "production", "stranger")}
        lines = [f'{name} namespaces="git" {public[name]}' for name in ("release", "production")]
        (root / ".github").mkdir()
        (root / signing.ALLOWED).write_text("\n".join(lines) + "\n")
        self.commit("who signs")

    def _key(self, name: str) -> str:
        file = self.root.with_name(name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file], check=True)
        self.keys[name] = file.read_text()
        return file.with_suffix(".pub").read_text().strip()

    def commit(self, subject: str) -> str:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", subject, **WHO)
        return git(self.root, "rev-parse", "HEAD")

    def version(self, name: str, monkeypatch: pytest.MonkeyPatch, key: str | None = "release") -> None:
        """A version of a new commit, its tag signed by `key`."""
        self.tag(f"model@{name}", self.commit(name), monkeypatch, key)

    def tag(self, name: str, commit: str, monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
        for variable in WHO:
            monkeypatch.setenv(variable, WHO[variable])
        if key is None:  # which we refuse to do
            git(self.root, "tag", "--annotate", "--message", f"about {name}", name, commit)
            return
        monkeypatch.setenv(signing.KEY, self.keys[key])
        registry.tag(self.root, name, commit, f"about {name}", None)

    @property
    def known(self) -> Registry:
        return Registry.read(self.root)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    (tmp_path / "root").mkdir()
    return Repository(tmp_path / "root")


def test_signed_tags_count_and_say_where_they_belong(made, monkeypatch):
    made.version("v1.0.0", monkeypatch)
    made.tag("model#staging#1", made.known.commit("v1.0.0"), monkeypatch, "release")
    made.tag("model#prod#1", made.known.commit("v1.0.0"), monkeypatch, "production")
    assert (made.known.current("staging"), made.known.current("prod")) == ("v1.0.0", "v1.0.0")
    assert "Repository: owner/project" in git(made.root, "cat-file", "tag", "model@v1.0.0")


def test_trailers_of_a_signed_tag_are_read_as_those_of_any_other(made, monkeypatch):
    made.version("v1.0.0", monkeypatch)
    monkeypatch.setenv(signing.KEY, made.keys["production"])
    registry.tag(made.root, "model#challenger#1", made.known.commit("v1.0.0"), "why\n\nMode: split\nShare: 0.1", None)
    assert messages.trailers(made.root, "model#challenger#1") == {"Mode": "split", "Share": "0.1"}


@pytest.mark.parametrize(
    ("name", "key", "why"),
    [
        ("model@v1.1.0", None, "nobody signed it"),
        ("model@v1.1.0", "stranger", "isn't one of `release`"),
        ("model@v1.1.0", "production", "isn't one of `release`"),
        ("model#prod#2", "release", "isn't one of `production`"),
        ("model#challenger#1", "release", "isn't one of `production`"),
        ("model#bad#1", "release", "isn't one of `production`"),
        ("model#bad#1", None, "nobody signed it"),
        ("model#staging#1", "production", "isn't one of `release`"),
    ],
)
def test_a_tag_of_somebody_else_counts_for_nothing_and_is_said(name, key, why, made, monkeypatch, capsys):
    made.version("v1.0.0", monkeypatch)
    before = made.known
    commit = made.commit("forged") if "@" in name else before.commit("v1.0.0")
    made.tag(name, commit, monkeypatch, key)
    assert (made.known.versions, made.known.stages) == (before.versions, before.stages)
    told = capsys.readouterr().err
    assert f"tag {name}: " in told
    assert why in told


def test_names_that_count_for_nothing_are_taken_all_the_same(made, monkeypatch):
    made.version("v1.0.0", monkeypatch)
    made.version("v1.1.0", monkeypatch, None)
    for name in ("model#prod#1", "model#prod!#2"):
        made.tag(name, made.known.commit("v1.0.0"), monkeypatch, None)
    assert (made.known.next("minor"), made.known.next("major")) == ("v1.1.1", "v2.0.0")
    assert (made.known.after("prod"), made.known.after("bad")) == (3, 1)


@pytest.mark.parametrize("name", ["model@v1.1.0", "model#prod#1", "model#bad#1"])
def test_a_tag_that_would_count_for_nothing_is_not_made(name, made, monkeypatch):
    monkeypatch.delenv(signing.KEY, raising=False)
    with pytest.raises(BadInput, match=rf"asks for a tag {name} that the key `(release|production)` signed"):
        registry.tag(made.root, name, "HEAD", "why", None)
    assert made.known.versions == {}


def test_a_label_needs_no_signature(made, monkeypatch):
    made.version("v1.0.0", monkeypatch)
    made.tag("model#compliance#1", made.known.commit("v1.0.0"), monkeypatch, None)
    assert made.known.has("compliance", "v1.0.0")


def test_a_signed_tag_under_another_name_counts_for_nothing(made, monkeypatch, capsys):
    """`git verify-tag` takes it."""
    made.version("v1.0.0", monkeypatch)
    made.version("v1.1.0", monkeypatch)
    made.tag("model#prod#1", made.known.commit("v1.1.0"), monkeypatch, "production")
    git(made.root, "update-ref", "refs/tags/model#prod#2", git(made.root, "rev-parse", "refs/tags/model#prod#1"))
    git(made.root, "update-ref", "refs/tags/model@v9.0.0", git(made.root, "rev-parse", "refs/tags/model@v1.0.0"))
    assert len(made.known.tags("prod")) == 1
    assert list(made.known.versions) == ["v1.0.0", "v1.1.0"]
    assert "made under another name" in capsys.readouterr().err


def test_a_light_tag_and_one_of_another_repository_count_for_nothing(made, monkeypatch, capsys):
    made.version("v1.0.0", monkeypatch)
    git(made.root, "tag", "model@v2.0.0", made.commit("light"))
    git(made.root, "remote", "set-url", "origin", "git@github.com:other/project.git")
    made.version("v3.0.0", monkeypatch)
    git(made.root, "remote", "set-url", "origin", "https://github.com/owner/project.git")
    assert list(made.known.versions) == ["v1.0.0"]
    told = capsys.readouterr().err
    assert "isn't annotated" in told
    assert "made for another repository than owner/project" in told


def test_a_signature_is_over_every_byte(made, monkeypatch, capsys):
    made.version("v1.0.0", monkeypatch)
    said = subprocess.run(["git", "-C", made.root, "cat-file", "tag", "model@v1.0.0"], capture_output=True, check=True)
    other = said.stdout.replace(git(made.root, "rev-parse", "HEAD").encode(), made.commit("other").encode())
    forged = git(made.root, "mktag", given=other.decode())
    git(made.root, "update-ref", "refs/tags/model@v1.0.0", forged)
    assert made.known.versions == {}
    assert "isn't one of `release`" in capsys.readouterr().err


def test_tags_that_were_there_before_are_listed_by_their_objects(made, monkeypatch):
    made.version("v1.0.0", monkeypatch, None)
    assert made.known.versions == {}
    object = git(made.root, "rev-parse", "refs/tags/model@v1.0.0")
    (made.root / signing.KNOWN).write_text(f"# before anybody signed\n{object} model@v1.0.0\n")
    made.commit("what was there")
    assert list(made.known.versions) == ["v1.0.0"]
    for name in ("model#prod#1", "model#staging#1", "model@v2.0.0"):
        git(made.root, "update-ref", f"refs/tags/{name}", object)
    assert (list(made.known.versions), made.known.stages) == (["v1.0.0"], {})
    git(made.root, "tag", "--force", "--annotate", "--message", "moved", "model@v1.0.0", "HEAD", **WHO)
    assert made.known.versions == {}


def test_the_origins_main_counts_before_an_older_one_here(made, monkeypatch):
    git(made.root, "update-ref", "refs/remotes/origin/main", "main")
    (made.root / signing.ALLOWED).unlink()
    made.commit("as if it were older")
    made.version("v1.0.0", monkeypatch, None)
    assert made.known.versions == {}


def test_who_signs_is_said_by_main_alone(made, monkeypatch):
    main = (made.root / signing.ALLOWED).read_text()
    stranger = made.root.with_name("stranger").with_suffix(".pub").read_text()
    git(made.root, "switch", "--quiet", "--create", "mine")
    (made.root / signing.ALLOWED).write_text(f"{main}release {stranger}")
    made.version("v1.0.0", monkeypatch, "stranger")
    assert made.known.versions == {}
    git(made.root, "switch", "--quiet", "main")
    git(made.root, "merge", "--quiet", "mine")
    assert list(made.known.versions) == ["v1.0.0"]


def test_where_nobody_signs_all_count(made, monkeypatch):
    made.version("v1.0.0", monkeypatch, None)
    (made.root / signing.ALLOWED).unlink()
    made.commit("nobody signs")
    assert list(made.known.versions) == ["v1.0.0"]


def test_a_key_that_was_revoked_signs_nothing_any_more(made, monkeypatch):
    made.version("v1.0.0", monkeypatch)
    lines = (made.root / signing.ALLOWED).read_text().splitlines()
    (made.root / signing.ALLOWED).write_text("\n".join(line for line in lines if not line.startswith("release")) + "\n")
    made.commit("release is revoked")
    assert made.known.versions == {}
