"""Commands as documents show them, held against the programs themselves: nothing runs, only options are parsed."""

import argparse
import ast
import io
import re
import runpy
import shlex
import signal
import subprocess
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from unittest import mock

from tests.conftest import ROOT

ASSIGNED = re.compile(r"^(?:\w+=\S*\s+)+")
HARMLESS = ("cd", "rm", "sed", ".")
Sessions = dict[str, list[str]]


class Parsed(Exception):
    """A step's options are understood, and it goes no further."""


def sessions(noxfile: str) -> Sessions:
    """The sessions of a noxfile, and the words that each begins its command with."""
    found: Sessions = {}
    for node in ast.parse(noxfile).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value) == "forward":
            name, _, *command = map(ast.literal_eval, node.value.args)
            words = (command[0] if command else f"python -m pipelines.{name}").split()
            found[name] = [word for word in words if not word.startswith(("--group=", "--with="))]
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            last = [one for one in ast.walk(node) if isinstance(one, ast.Call) and _called(one) == "run"][-1]
            words = [str(part.value) for word in last.args for part in _constants(word)]
            found[node.name.strip("_")] = [word for word in words if not word.startswith("--group=")]
    return found


def _constants(word: ast.expr) -> list[ast.Constant]:
    parts = word.values if isinstance(word, ast.JoinedStr) else [word]
    return [part for part in parts if isinstance(part, ast.Constant)]


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def split(line: str, programs: Sequence[str] = ()) -> Iterator[list[str]]:
    """The commands of a line of shell, as words; of these programs, or of any."""
    for part in re.split(r"&&|\|", re.sub(r"(^|\s)#.*", "", line)):
        command = ASSIGNED.sub("", part.strip())
        if command and (not programs or command.split()[0] in programs):
            yield shlex.split(command)


def fault(words: list[str], known: Sessions) -> str | None:
    """What is wrong with a command, or nothing."""
    program, *rest = words
    if program in HARMLESS:
        return None
    if program == "nox":
        at = rest.index("--") if "--" in rest else len(rest)
        if rest[0] not in ("-s", "-l"):
            return "a session is named by -s"
        return _session(rest[1:at], rest[at + 1 :], known)
    if program == "make":
        options = next((word.removeprefix("ARGS=") for word in rest if word.startswith("ARGS=")), "")
        return _session([word for word in rest if "=" not in word], shlex.split(options), known)
    if program not in CHECKS:
        return f"no test knows {program}"
    return CHECKS[program](rest)


def _session(names: list[str], options: list[str], known: Sessions) -> str | None:
    for name in names:
        if name not in known:
            return f"there is no session {name}"
        if options:
            return CHECKS[known[name][0]]([*known[name][1:], *options])
    return None


def python(words: list[str]) -> str | None:
    """`-m MODULE OPTIONS`, or a file; of benchmarks the name alone."""
    if words[0] != "-m":
        return paths(words)
    module, *options = words[1:]
    if module == "benchmarks.":  # whose name is the first option
        return paths([f"benchmarks/{options[0]}.py"])
    place = ROOT / module.replace(".", "/")
    source = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
    if not source.is_file():
        return f"there is no module {module}"
    if "ArgumentParser" not in source.read_text(encoding="utf-8"):
        return f"{module} takes no options" if options else None
    return step(module, tuple(options))


@cache
def step(module: str, options: tuple[str, ...]) -> str | None:
    """What the step's own parser says to the options."""
    said, before = io.StringIO(), signal.getsignal(signal.SIGTERM)

    def parsing(known: Callable[..., object]) -> Callable[..., None]:
        def parse(parser: argparse.ArgumentParser) -> None:
            known(parser, list(options))
            raise Parsed

        return parse

    kinds = ("parse_args", "parse_intermixed_args")
    patches = [
        mock.patch.object(argparse.ArgumentParser, k, parsing(getattr(argparse.ArgumentParser, k))) for k in kinds
    ]
    try:
        with patches[0], patches[1], redirect_stderr(said), warnings.catch_warnings(action="ignore"):
            runpy.run_module(module, run_name="__main__")
    except Parsed:
        return None
    except SystemExit:
        return said.getvalue().strip().splitlines()[-1]
    finally:
        signal.signal(signal.SIGTERM, before)
    return f"{module} parses nothing"


def dvc(words: list[str]) -> str | None:
    from dvc.cli import DvcParserError
    from dvc.cli.parser import get_main_parser

    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            parsed = get_main_parser().parse_args(words)
    except (DvcParserError, SystemExit):
        return "dvc knows no such command, or not with these options"
    stages = [f"  {name}:" for name in getattr(parsed, "targets", None) or ()]
    pipeline = (ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()
    return paths([line.strip(" :") for line in stages if line not in pipeline])


def git(words: list[str]) -> str | None:
    usage = subprocess.run(["git", words[0], "-h"], capture_output=True, text=True, check=False)
    text = (usage.stdout + usage.stderr).replace("[no-]", "")
    if "is not a git command" in text:
        return f"git has no {words[0]}"
    wrong = [word for word in words[1:] if word.startswith("-") and not re.search(rf"(?<!\S)\W?{word}\b", text)]
    return f"git {words[0]} has no {wrong[0]}" if wrong else None


def paths(words: list[str]) -> str | None:
    """Those that aren't options are there, as files or as DVC's."""
    gone = [word for word in words if not word.startswith("-") and not any(map(_there, (word, f"{word}.dvc")))]
    return f"there is no {gone[0]}" if gone else None


def _there(name: str) -> bool:
    return (ROOT / name.partition("::")[0]).exists()


def kubectl(words: list[str]) -> str | None:
    """Folders; a test in tests/deploy asks kubectl itself about the options."""
    return paths([word for word in words if word.startswith("deploy/")])


CHECKS: dict[str, Callable[[list[str]], str | None]] = {
    "bash": paths, "dvc": dvc, "git": git, "kubectl": kubectl, "marimo": paths, "pytest": paths, "python": python,
}  # fmt: skip
