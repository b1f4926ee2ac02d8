"""A state of the repository in a folder of its own: its own code, its own locked environment, DVC's cache shared."""

import configparser
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlops import pointers
from mlops.contract import BadInput
from mlops.cost import KNOWN
from mlops.objects import SEED, Objects

OWN_SETTINGS = {  # a person's, which would change what git prints, or which refs it moves
    "branch.sort": "refname", "color.ui": "false", "column.ui": "never", "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false", "fetch.prune": "false", "fetch.pruneTags": "false", "log.showSignature": "false",
    "push.followTags": "false", "status.showUntrackedFiles": "normal", "tag.sort": "refname",
}  # fmt: skip
PLAIN = [word for name, value in OWN_SETTINGS.items() for word in ("-c", f"{name}={value}")]
NOT_HANDED_ON = ("PYTHONPATH", "VIRTUAL_ENV", "GITHUB_TOKEN", "SIGNING_KEY", "ALERT_URLS")  # to what trains
MADE = ("artifacts/", "data/", ".dvc/", "dvc.lock")
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")  # bytes of this machine
ORIGIN = re.compile(r"(?:\w+://(?:[^@/]+@)?|[^@/]+@)([\w.-]+)(?::\d+)?[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?")
SERVER_API = "/api/v3"  # of a GitHub Enterprise Server
LOST = re.compile(r"missing data 'source': (.+)")
STARTED = re.compile(r"^(?:Running stage|Stage) '(\w+)'(.*)")


class StepFailed(Exception):
    """A command of one workspace ended with an error: `str()` is what it had to say."""


def git(root: Path, *words: str, given: str | None = None, **environment: str) -> str:
    """Output of a git command, to which `given` is what it reads.

    Raises
    ------
    BadInput
        git refused; says what it said.
    """
    command, variables = ["git", *PLAIN, "-C", str(root), *words], {**os.environ, **environment}
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=variables, input=given, check=False
    )
    if done.returncode:
        raise BadInput(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip(" \t\r\n")  # a name may end with what else is white space


def origin(url: str) -> dict[str, str]:
    """Variables that say where git's origin is, if it is at GitHub, at ghe.com, or on a GitHub Enterprise Server."""
    match = ORIGIN.fullmatch(url)
    if match is None:
        raise BadInput(f"git's origin is {url}, which is no repository at GitHub; set GITHUB_REPOSITORY to OWNER/NAME")
    host, name = match.groups()
    if host == "github.com":
        return {"GITHUB_REPOSITORY": name}
    api = f"https://api.{host}" if host.endswith(".ghe.com") else f"https://{host}{SERVER_API}"
    return {"GITHUB_REPOSITORY": name, "GITHUB_API_URL": api}


def snapshot(root: Path) -> str:
    """Tree of the work tree as it is, uncommitted and untracked files included; index and branch stay untouched."""
    index = Path(git(root, "rev-parse", "--absolute-git-dir")) / "index"
    scratch = index.with_name(f"index.snapshot.{os.getpid()}")
    try:
        if index.exists():
            shutil.copy2(index, scratch)
        git(root, "add", "--all", GIT_INDEX_FILE=str(scratch))
        return git(root, "write-tree", GIT_INDEX_FILE=str(scratch))
    finally:
        scratch.unlink(missing_ok=True)


def _quiet(stage: str) -> None:
    """Hear of a stage, and say nothing."""


@dataclass(frozen=True)
class Workspace:
    """A tree of `root`'s repository, checked out in `folder`."""

    root: Path
    tree: str
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @classmethod
    def lay(cls, root: Path, tree: str, folder: Path) -> "Workspace":
        """Check `tree` (a commit or tree id) out into `folder`, and clear that of all else.

        What is there already stays: some file systems need longer for a file where many were deleted just before.
        """
        folder.mkdir(parents=True, exist_ok=True)
        place = _place(root, folder)
        git(folder, "read-tree", "--reset", "-u", tree, **place)
        git(folder, "clean", "-ffdxq", **place)
        shutil.rmtree(folder / ".git", ignore_errors=True)  # which git never clears away
        (folder / ".dvc/config.local").write_text(_dvc_config(root, folder), encoding="utf-8")
        _forget_persist(folder / "dvc.yaml")
        return cls(root, tree, folder)

    @classmethod
    def keep(cls, root: Path, tree: str, folder: Path) -> "Workspace":
        """As `lay`, but what an earlier run made of this very tree in `folder` is still there: what `MADE` names."""
        mark = folder.with_name(f"{folder.name}.tree")
        if folder.exists() and mark.exists() and mark.read_text(encoding="utf-8") == tree:
            place = _place(root, folder)
            own = [name for name in git(folder, "ls-files", **place).splitlines() if not name.startswith(MADE)]
            git(folder, "checkout-index", "--force", "--quiet", "--stdin", given="\n".join(own), **place)
            git(folder, "clean", "-ffdxq", *(f"--exclude=/{name}" for name in MADE), **place)
            _forget_persist(folder / "dvc.yaml")
            (folder / "params.yaml").write_text(git(root, "show", f"{tree}:params.yaml") + "\n", encoding="utf-8")
            (folder / ".dvc/config.local").write_text(_dvc_config(root, folder), encoding="utf-8")
            return cls(root, tree, folder)
        mark.unlink(missing_ok=True)
        laid = cls.lay(root, tree, folder)
        mark.write_text(tree, encoding="utf-8")
        return laid

    def params(self) -> dict[str, Any]:
        """The content of params.yaml, unchecked: another version of the code may have written it."""
        content: dict[str, Any] = yaml.safe_load((self.folder / "params.yaml").read_text(encoding="utf-8"))
        return content

    def set_params(self, block: str, **values: Any) -> None:
        """Change keys of one block of params.yaml."""
        content = self.params()
        content[block] |= values
        (self.folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Variables under which this tree's steps run, in an environment of its own where its lock differs."""
        prefix = Path(sys.prefix)
        if _locked(self.folder) != _locked(self.root):
            prefix = self._own_environment()
        return {
            **{name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON},
            "PATH": f"{prefix / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": str(
                max(1, (os.cpu_count() or 2) // 2)
            ),  # two sides that want all cores stall each other
            "DVC_NO_ANALYTICS": "true",
            "ENGINE": "local",  # the workers of a cluster have other code
        }

    def _own_environment(self) -> Path:
        digest = hashlib.sha256((self.folder / "uv.lock").read_bytes()).hexdigest()[:16]
        prefix = self.root / ".dvc/tmp/environments" / digest
        groups = [f"--group={name}" for name in ("training", "pipeline", *clouds(self.folder))]
        self.run(
            ["uv", "sync", "--quiet", "--frozen", "--no-default-groups", *groups],
            {**os.environ, "UV_PROJECT_ENVIRONMENT": str(prefix)},
        )
        return prefix

    def reproduce(self, stage: str, started: Callable[[str], None] = _quiet) -> None:
        """`dvc repro` up to `stage`, data pulled where it is missing; `started` as in `run`.

        Where the last run here ended well with the same params there is nothing to ask DVC.
        """
        mark, state = self.folder / "artifacts/reproduced", f"{stage}\n{(self.folder / 'params.yaml').read_text()}"
        if not mark.exists() or mark.read_text(encoding="utf-8") != state:
            mark.unlink(missing_ok=True)
            self.check()
            try:
                self.run(["dvc", "repro", "--pull", stage], self.environment(), started)
            except StepFailed as error:
                raise StepFailed("\n".join([*self._lost(str(error)), str(error)])) from None
            mark.write_text(state, encoding="utf-8")

    def bring(self, stage: str, started: Callable[[str], None] = _quiet) -> None:
        """Run up to the first stage, where its data isn't in the cache; `started` as in `run`.

        Two sides that bring one object at once stop each other: DVC makes it read-only, and then root alone may write.
        """
        if pointers.lacks(self.folder, "data", stage, [self._cache()]):
            self.reproduce(stage, started)

    def reproduce_anew(
        self, stage: str, started: Callable[[str], None] = _quiet, alone: bool = False, **environment: str
    ) -> None:
        """Every stage up to `stage`, or it `alone`: nothing that was made before, by whom ever, is believed."""
        variables = {**self.environment(), "KEPT": "no", **environment}
        if not alone:
            self.pull(variables)  # as `--force` would run before `--pull`
        only = ["--single-item"] if alone else []
        self.run(["dvc", "repro", "--force", "--no-run-cache", *only, stage], variables, started)

    def reproduce_confined(self, stage: str, started: Callable[[str], None] = _quiet) -> None:
        """As `reproduce`, where the data is a stranger's: what reads it has no rights to lose, see `mlops.confined`."""
        from mlops import confined

        variables = self.environment()
        self.pull(variables)
        dvc = shutil.which("dvc", path=variables["PATH"])
        kept = ("PATH", "PYTHONHASHSEED", "OMP_NUM_THREADS", "DVC_NO_ANALYTICS", "ENGINE")
        limits = confined.Limits(memory=MEMORY, processor=3600, file=MEMORY)
        self.run(
            confined.command([str(dvc), "repro", stage], limits),
            {name: variables[name] for name in kept} | {"HOME": str(self.folder / ".dvc/tmp")}, started,
        )  # fmt: skip

    def pull(self, variables: dict[str, str] | None = None) -> None:
        """Bring the data, after a look at what its list of files names."""
        self.check()
        self.run(["dvc", "pull", "--quiet", "data.dvc"], variables or self.environment())

    def check(self) -> None:
        """See `mlops.pointers.check`."""
        pointers.check(self.folder, self._places(), Objects(self.root, self.tree).get, self._cache())

    def verify(self, last: str) -> None:
        """See `mlops.pointers.verify`."""
        pointers.verify(self.folder, last, self._places())

    def _places(self) -> list[Path]:
        return [self._cache(), *(self.root / place for place in (".dvc/storage", SEED))]

    def _lost(self, said: str) -> Iterator[str]:
        """What is missing of data that DVC found neither here nor in its remote, and the commands that mend it."""
        names = [name for found in LOST.findall(said) for name in found.split(", ")]
        lost = [line for name in names for line in pointers.missing(self.folder, name, [self._cache()])]
        if lost:
            yield f"Missing in the storage, or damaged there: {', '.join(lost[:10])}{' ...' if len(lost) > 10 else ''}"
            yield "Whoever has it runs `nox -s storage -- push`. Here, `nox -s storage -- pull` brings what is there."

    def _cache(self) -> Path:
        config = configparser.ConfigParser(interpolation=None)
        config.read(self.folder / ".dvc/config.local", encoding="utf-8")
        return Path(config.get("cache", "dir", fallback=self.root / ".dvc/cache"))

    def run(self, command: list[str], environment: dict[str, str], started: Callable[[str], None] = _quiet) -> None:
        """Run a command in the folder; `started` hears of each stage, and of how many partitions it knew.

        Raises
        ------
        StepFailed
            With the errors that it printed, or its last lines.
        """
        lines: list[str] = []
        with subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                stage = STARTED.match(line)
                if stage and "skipping" not in stage[2]:
                    started(stage[1])
                elif KNOWN.match(line):
                    started(line.rstrip())
        _check(process, lines)


def _place(root: Path, folder: Path) -> dict[str, str]:
    """Variables by which git takes a folder for a work tree of `root`, with an index of its own."""
    return {
        "GIT_DIR": git(root, "rev-parse", "--absolute-git-dir"), "GIT_WORK_TREE": str(folder),
        "GIT_INDEX_FILE": str(folder.with_name(f"{folder.name}.index")),
    }  # fmt: skip


def _check(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    if process.returncode:
        raise StepFailed("\n".join(_errors(lines)))


def _locked(folder: Path) -> bytes:
    path = folder / "uv.lock"
    return path.read_bytes() if path.exists() else b""


def clouds(folder: Path) -> list[str]:
    """The dependency group that the tree's storage takes: s3, azure or gs, if it is in a cloud at all."""
    urls = re.findall(
        r"^\s*url *= *(s3|azure|gs)://", (folder / ".dvc/config").read_text(encoding="utf-8"), re.MULTILINE
    )
    return sorted(set(urls))


def _forget_persist(pipeline: Path) -> None:
    """Drop `persist` from outputs: it keeps them out of the run cache, by which a scratch tree lives."""
    content = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
    for stage in content["stages"].values():
        for out in [*stage.get("outs", ()), *stage.get("metrics", ())]:
            for options in out.values() if isinstance(out, dict) else ():
                options.pop("persist", None)
    pipeline.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _dvc_config(root: Path, folder: Path) -> str:
    """config.local for a workspace: no git, the repository's cache, and folder remotes that the tree itself lacks."""
    config = configparser.ConfigParser(interpolation=None)
    config.read([root / ".dvc/config", root / ".dvc/config.local"], encoding="utf-8")
    local = configparser.ConfigParser(interpolation=None)
    local.read(root / ".dvc/config.local", encoding="utf-8")
    cache = (root / ".dvc" / config.get("cache", "dir", fallback="cache")).resolve()
    for section, values in {"core": {"no_scm": "true"}, "cache": {"dir": str(cache), "type": "hardlink,copy"}}.items():
        local.read_dict({section: values})
    for section in config.sections():
        url = config.get(section, "url", fallback="://")
        if "://" not in url and not (folder / ".dvc" / url).exists():
            local.read_dict({section: {"url": str((root / ".dvc" / url).resolve())}})
    text = io.StringIO()
    local.write(text)
    return text.getvalue()


def _errors(lines: list[str]) -> list[str]:
    """The lines that say what is wrong: ours, else the end of a traceback, else what came last."""
    ours = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if ours:
        first = next(i for i, line in enumerate(lines) if line.startswith("error: "))
        told = [line for line in lines[first:] if line and not line.startswith("ERROR: ")]
        return [line.removeprefix("error: ") for line in told][:25]
    return [line for line in lines if line.strip() and not line.startswith("> ")][-12:]
