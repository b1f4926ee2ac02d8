"""The tests where everything is against them: `nox -s stress -- --rounds 5`.

Busy processes beside them, a random order, another time zone and language, git settings that change what git says, as
the one who runs it and, for root, as an ordinary user. The rounds take turns; `--seed` repeats one.
"""

import argparse
import os
import pwd
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT, copy_work_tree

BUSY = 4  # processes, on two cores
WORKERS = 12  # so that the busy ones make each slow, and yet a round ends
WASTE = "import os\nstarter = os.getppid()\nwhile os.getppid() == starter: pass"
NOBODY = "nobody"
DROP = ("setpriv", f"--reuid={NOBODY}", "--regid=nogroup", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
HOSTILE = """[branch]
    sort = -committerdate
[color]
    ui = always
[column]
    ui = always
[commit]
    gpgSign = true
[core]
    autocrlf = true
[diff]
    noprefix = true
[init]
    defaultBranch = trunk
[log]
    showSignature = true
[push]
    followTags = true
[status]
    showUntrackedFiles = no
[tag]
    gpgSign = true
    sort = -version:refname
"""
LANGUAGES = ({"TZ": "Asia/Kolkata", "LANG": "tr_TR.UTF-8"}, {"TZ": "Pacific/Auckland", "LANG": "C"})


@dataclass(frozen=True)
class Round:
    """One run of all tests: a seed for their order, and what the machine is like."""

    seed: int
    ordinary: bool
    hostile: bool
    language: dict[str, str]

    def __str__(self) -> str:
        user = NOBODY if self.ordinary else pwd.getpwuid(os.geteuid()).pw_name
        settings = "hostile git settings" if self.hostile else "no git settings"
        return f"--seed {self.seed}: as {user}, {settings}, {' '.join(f'{k}={v}' for k, v in self.language.items())}"


def rounds(count: int, seed: int) -> Iterator[Round]:
    """User and git settings take turns at different paces, so that four rounds see every pair; the seed says which."""
    root = os.geteuid() == 0
    for number in range(seed, seed + count):
        yield Round(number, root and number % 2 == 1, number % 4 in (0, 3), LANGUAGES[number % 2])


@contextmanager
def busy() -> Iterator[None]:
    """Four processes that do nothing but take time, where the tests are made for two cores."""
    made = [subprocess.Popen([sys.executable, "-c", WASTE]) for _ in range(BUSY)]
    try:
        yield
    finally:
        for one in made:
            one.kill()
            one.wait()


@dataclass(frozen=True)
class Place:
    """Where rounds of one user run: a checkout, its environment, and a folder that is the user's own."""

    tree: Path
    prefix: Path
    folder: Path
    user: str | None = None

    @classmethod
    def ordinary(cls, folder: Path) -> "Place":
        """A copy of the work tree, uncommitted files included, with an environment of its own."""
        tree = folder / "tree"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(tree)], check=True)
        copy_work_tree(tree)
        prefix = tree / ".venv"
        own = {"UV_PROJECT_ENVIRONMENT": str(prefix), "UV_LINK_MODE": "copy"}
        subprocess.run(
            ["uv", "sync", "--quiet", "--frozen", "--group=dev", "--group=node"],
            cwd=tree,
            env=os.environ | own,
            check=True,
        )
        if subprocess.call([*DROP, "sh", "-c", '"$0" -c pass', str(prefix / "bin/python")]):
            real = (prefix / "bin/python").resolve()
            sys.exit(f"error: {NOBODY} may not run {real}: let others pass its folders (chmod o+x), or start as a user")
        return cls(tree, prefix, folder, NOBODY)

    def run(self, one: Round, words: list[str]) -> int:
        """Run pytest in a new home of the user's; its exit status."""
        home = Path(tempfile.mkdtemp(prefix=f"{one.seed}-", dir=self.folder))
        (home / "tmp").mkdir()
        (home / ".gitconfig").write_text(HOSTILE if one.hostile else "", encoding="utf-8")
        if self.user:
            subprocess.run(["chown", "--recursive", f"{self.user}:", str(self.folder)], check=True)
        command = [*(DROP if self.user else ()), str(self.prefix / "bin/python"), "-m", "pytest", *words]
        with busy():
            status = subprocess.call(command, cwd=self.tree, env=self.environment(one, home))
        if not status:
            shutil.rmtree(home)
        return status

    def environment(self, one: Round, home: Path) -> dict[str, str]:
        """Nothing of git, language or folders that whoever started this has set."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "LC_", "XDG_"))}
        cache = subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
        user = {"USER": self.user, "LOGNAME": self.user} if self.user else {}
        return {
            **kept, **user, **one.language, "HOME": str(home), "TMPDIR": str(home / "tmp"), "ORDER": str(one.seed),
            "PATH": f"{self.prefix / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "UV_PROJECT_ENVIRONMENT": str(self.prefix), "UV_CACHE_DIR": str(self.folder / "uv") if self.user else cache,
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="stress", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="default: 2")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the first round")  # noqa: S311
    options, words = parser.parse_known_args()
    folder = Path(tempfile.mkdtemp(prefix="stress-"))
    folder.chmod(0o755)
    places: dict[bool, Place] = {}
    for one in rounds(options.rounds, options.seed):
        print(f"{one} ...", flush=True)
        if one.ordinary not in places:
            places[one.ordinary] = make(folder, one.ordinary)
        begin = time.monotonic()
        status = places[one.ordinary].run(
            one, words or [f"--numprocesses={WORKERS}", "--dist=loadgroup", "--no-loadscope-reorder", "tests"]
        )
        print(f"{one}: {'failed' if status else 'green'}, {time.monotonic() - begin:.0f} s", flush=True)
        if status:
            print(f"What it left is in {folder}", flush=True)
            return status
    shutil.rmtree(folder)
    return 0


def make(folder: Path, ordinary: bool) -> Place:
    own = folder / (NOBODY if ordinary else "own")
    own.mkdir()
    return Place.ordinary(own) if ordinary else Place(ROOT, Path(sys.prefix), own)


if __name__ == "__main__":
    sys.exit(main())
