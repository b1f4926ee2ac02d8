"""Data and models by their MD5, wherever a commit's .dvc/config says that they are kept.

Needs git, fsspec and the package of the storage in use, and not DVC: the agent reads releases with it.
"""

import configparser
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.contract import BadInput
from mlops.pointers import Missing, digest, relative

BRANCH = "dvc-storage"
TIPS = (f"refs/remotes/origin/{BRANCH}", f"refs/heads/{BRANCH}")
SEED = ".dvc/seed"
PROTOCOLS = {"s3": "s3", "azure": "abfs", "gs": "gs"}


@dataclass(frozen=True)
class Remote:
    """DVC's remote `storage`: git's branch `dvc-storage` (url `storage`), a folder, or a bucket behind a URL.

    Parameters
    ----------
    endpoint
        Address of a server that speaks S3, where it isn't Amazon's.
    account
        Azure's storage account.
    """

    url: str
    endpoint: str = ""
    account: str = ""

    @classmethod
    def read(cls, config: str) -> "Remote":
        """What the text of a .dvc/config says."""
        parsed = configparser.ConfigParser(interpolation=None)
        parsed.read_string(config)
        section = next((name for name in parsed.sections() if name.strip("'") == 'remote "storage"'), None)
        if section is None:
            raise BadInput(".dvc/config: there is no remote called 'storage'; add one with `nox -s storage -- URL`")
        names = ("url", "endpointurl", "account_name")
        return cls(*(parsed.get(section, name, fallback="") for name in names))

    @property
    def on_branch(self) -> bool:
        return self.url == "storage"

    @property
    def scheme(self) -> str:
        """`s3`, `azure`, `gs`, or nothing for a folder: also the name of the dependency group that it takes."""
        return self.url.partition("://")[0] if "://" in self.url else ""

    @property
    def place(self) -> str:
        """In words, for a person."""
        return f"the branch {BRANCH}" if self.on_branch else self.url

    def open(self) -> tuple[Any, str]:
        """A file system of fsspec, and the path in it below which the objects are.

        Credentials are found by the libraries of the clouds: environment, configuration files, the machine's role.
        """
        import fsspec

        if not self.scheme:
            return fsspec.filesystem("file", auto_mkdir=True), self.url
        if self.scheme not in PROTOCOLS:
            raise BadInput(f"{self.url}: expected a folder or one of {', '.join(f'{name}://' for name in PROTOCOLS)}")
        options = {"endpoint_url": self.endpoint, "account_name": self.account}
        given = {name: value for name, value in options.items() if value}
        try:
            system = fsspec.filesystem(PROTOCOLS[self.scheme], use_listings_cache=False, **given)
        except ImportError as error:
            raise BadInput(f"{self.url}: {error}; install it with `uv sync --inexact --group {self.scheme}`") from None
        return system, self.url.partition("://")[2].rstrip("/")


@dataclass(frozen=True)
class Objects:
    """The objects that `commit` of a git repository (bare or not) refers to.

    The branch is read from refs/remotes/origin/dvc-storage, else refs/heads/dvc-storage; the caller fetches them.
    """

    repository: Path
    commit: str

    def get(self, md5: str) -> bytes:
        """The content of an object, verified; from the storage, else from what is bundled in .dvc/seed.

        Raises
        ------
        Missing
            Nobody has pushed it.
        BadInput
            It is damaged, or its place can't be reached; names object and place.
        """
        if not re.fullmatch(r"[0-9a-f]{32}(\.dir)?", md5):
            raise BadInput(f"{md5!r} is not the MD5 of an object")
        config = self._blob(self.commit, ".dvc/config")
        if config is None:
            raise BadInput(f"{self.commit}: has no .dvc/config")
        remote = Remote.read(config.decode())
        place, content = remote.place, self._from_branch(md5) if remote.on_branch else _from_url(remote, md5)
        if content is None:
            place, content = f"{place} and {SEED}", self._blob(self.commit, f"{SEED}/{relative(md5)}")
        if content is None:
            raise Missing(f"object {md5} is missing in {place}; whoever has it runs `nox -s storage -- push`")
        if digest(content) != md5[:32]:
            raise BadInput(f"object {md5} is damaged in {place}; whoever has it runs `nox -s storage -- push --check`")
        return content

    def _from_branch(self, md5: str) -> bytes | None:
        found = (self._blob(tip, relative(md5)) for tip in TIPS)
        return next((content for content in found if content is not None), None)

    def _blob(self, revision: str, path: str) -> bytes | None:
        command = ["git", "-C", str(self.repository), "cat-file", "blob", f"{revision}:{path}"]
        done = subprocess.run(command, capture_output=True, check=False)
        return None if done.returncode else done.stdout


def _from_url(remote: Remote, md5: str) -> bytes | None:
    system, root = remote.open()
    try:
        return system.cat_file(f"{root}/{relative(md5)}")
    except FileNotFoundError:
        return None
    except Exception as error:  # every cloud has its own
        raise BadInput(f"object {md5} can't be read from {remote.url}: {error}") from error
