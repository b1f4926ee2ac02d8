"""Where the repository is, and the shapes that follow from that alone."""

import subprocess
import zlib
from pathlib import Path
from typing import Any

Json = dict[str, Any]
NOWHERE = "0" * 40


class Unknown(Exception):
    """No such record; the API makes a 404 of it."""


class Place:
    """Addresses of one repository.

    `url` is the API's address, `server` the one that pages for people would have. `bare` is where branches and tags
    are looked up; without it the tip of every branch that the API must name itself is forty zeros.
    """

    def __init__(self, repository: str, bare: Path | None, private: bool, url: str) -> None:
        self.repository, self.bare, self.private, self.url = repository, bare, private, url
        self.server = "https://github.com"

    @property
    def api(self) -> str:
        return f"{self.url}/repos/{self.repository}"

    @property
    def page(self) -> str:
        return f"{self.server}/{self.repository}"

    def tip(self, ref: str) -> str | None:
        """SHA of a branch, tag or commit in the bare repository; None if it isn't there."""
        if self.bare is None:
            return NOWHERE
        words = ["git", f"--git-dir={self.bare}", "rev-parse", "--verify", "--quiet", "--end-of-options"]
        done = subprocess.run([*words, f"{ref}^{{commit}}"], capture_output=True, text=True, check=False)
        return done.stdout.strip() or None

    def holds(self, branch: str, path: str) -> bool:
        """Is there a file at this path on a branch?"""
        words = ["git", f"--git-dir={self.bare}", "cat-file", "-e", f"refs/heads/{branch}:{path}"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def commit(self, sha: str) -> Json:
        """A commit as events tell it."""
        words = ["git", f"--git-dir={self.bare}", "log", "-1", "--format=%B", sha]
        done = subprocess.run(words, capture_output=True, text=True, check=False) if self.bare else None
        return {"id": sha, "message": done.stdout.strip() if done else ""}

    def user(self, login: str) -> Json:
        """Anybody: the stand-in knows no strangers."""
        kind = "Bot" if login.endswith("[bot]") else "User"
        pages = {"url": f"{self.url}/users/{login}", "html_url": f"{self.server}/{login}"}
        return {"login": login, "id": zlib.crc32(login.encode()), "type": kind, **pages}

    def home(self, full_name: str | None = None) -> Json:
        """The repository, or a fork of it."""
        name = full_name or self.repository
        return {
            "id": zlib.crc32(name.encode()), "name": name.split("/")[1], "full_name": name,
            "owner": self.user(name.split("/")[0]), "private": self.private, "fork": name != self.repository,
            "is_template": False, "default_branch": "main", "url": f"{self.url}/repos/{name}",
            "html_url": f"{self.server}/{name}", "clone_url": f"{self.server}/{name}.git",
        }  # fmt: skip

    def end(self, branch: str, sha: str, repository: str) -> Json:
        """Head or base of a pull request."""
        home = self.home(repository)
        label = f"{home['owner']['login']}:{branch}"
        return {"label": label, "ref": branch, "sha": sha, "user": home["owner"], "repo": home}

    def fork(self, owner: str | None) -> str:
        """Full name of `owner`'s fork, or of the repository itself."""
        return f"{owner}/{self.repository.split('/')[1]}" if owner else self.repository
