"""Who may make a tag, and the proof that it was them: SSH signatures, as .github/allowed_signers of main allows them.

`git verify-tag` is not enough: it takes a signed tag under another name, and the signature of anybody who is allowed
anything. Here the tag's own name, its repository and the kind of signer must fit, too. Where main has no
allowed_signers, nobody signs, and everything is believed as before.

References
----------
ssh-keygen(1), ALLOWED SIGNERS and `-Y verify`; gpg.format in git-config(1).
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlops.contract import BadInput
from mlops.workspace import git, origin

ALLOWED, KNOWN = ".github/allowed_signers", ".github/unsigned_tags"
KEY = "SIGNING_KEY"  # in the environment of a job: the private half of the key that signs
BEGIN = "-----BEGIN SSH SIGNATURE-----"
STAGE = re.compile(r"model#([a-z0-9-]+)!?#")
SIGNERS = {"staging": "release", "prod": "production", "challenger": "production", "bad": "production"}
MAIN = ("refs/remotes/origin/main", "refs/heads/main")


def signer(name: str) -> str | None:
    """Who signs tags of this name: `release` or `production`; None for a label, which nobody needs to."""
    stage = STAGE.match(name)
    return SIGNERS.get(stage[1]) if stage else "release"


@dataclass(frozen=True)
class Signers:
    """What main says: lines of allowed_signers, the tags that were there before (object and name), and the repository's
    name.
    """

    allowed: str
    before: frozenset[tuple[str, str]]
    repository: str

    @classmethod
    def of(cls, root: Path) -> "Signers | None":
        """From main as it was fetched; None where nobody signs."""
        found = (git(root, "for-each-ref", "--format=%(objectname)", ref) for ref in MAIN)
        main = next(filter(None, found), "")
        there = [name for name in (ALLOWED, KNOWN) if main and git(root, "ls-tree", main, name)]
        files = {name: git(root, "show", f"{main}:{name}") for name in there}
        if ALLOWED not in files:
            return None
        rows = (line.split(" ") for line in files.get(KNOWN, "").split("\n"))
        return cls(
            f"{files[ALLOWED]}\n", frozenset((row[0], row[1]) for row in rows if len(row) == 2), repository(root)
        )

    def fault(self, root: Path, name: str, object: str) -> str:
        """Why the tag object isn't what its name claims, empty where it is."""
        wanted = signer(name)
        if wanted is None or (object, name) in self.before:
            return ""
        payload, mark, signature = _raw(root, object).partition(BEGIN)
        if not payload:
            return f"tag {name}: it has no signature, as it isn't annotated"
        head, _, message = payload.partition("\n\n")
        if not mark:
            return f"tag {name}: nobody signed it, and {ALLOWED} of main asks for `{wanted}`"
        if f"tag {name}" not in head.split("\n"):
            return f"tag {name}: it was made under another name, and pushed again under this one"
        if self.repository and f"Repository: {self.repository}" not in message.split("\n"):
            return f"tag {name}: it was made for another repository than {self.repository}"
        why = _verified(self.allowed, wanted, payload, mark + signature)
        return f"tag {name}: its signature isn't one of `{wanted}` in {ALLOWED} of main ({why})" if why else ""


def believed(root: Path, tags: Mapping[str, str]) -> tuple[set[str], list[str]]:
    """Those of the tags (objects by name, which are here) that count, and why the others don't."""
    signers = Signers.of(root)
    faults = {name: signers.fault(root, name, object) for name, object in tags.items()} if signers else {}
    refused = {name: why for name, why in faults.items() if why}
    return tags.keys() - refused.keys(), list(refused.values())


def repository(root: Path) -> str:
    """OWNER/NAME at GitHub; empty where the origin is elsewhere, as in a rehearsal."""
    known = os.environ.get("GITHUB_REPOSITORY", "")
    try:
        return known or origin(git(root, "remote", "get-url", "origin"))["GITHUB_REPOSITORY"]
    except BadInput:
        return ""


def placed(message: str, root: Path) -> str:
    """A tag's message that says, too, for which repository it is; what stands last stays last, as trailers do."""
    subject, _, rest = message.partition("\n\n")
    return "\n\n".join(part for part in (subject, f"Repository: {repository(root)}", rest) if part)


@cache
def _verified(allowed: str, wanted: str, payload: str, signature: str) -> str:
    """Why ssh-keygen doesn't take it, empty where it does."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("allowed", "signature")]
        for file, text in zip(files, (allowed, signature), strict=True):
            file.write_text(text, encoding="utf-8", errors="surrogateescape")
        command = ["ssh-keygen", "-Y", "verify", "-f", str(files[0]), "-I", wanted, "-n", "git", "-s", str(files[1])]
        try:
            given = payload.encode("utf-8", "surrogateescape")
            done = subprocess.run(command, input=given, capture_output=True, check=False)
        except FileNotFoundError:
            raise BadInput("ssh-keygen isn't there, which verifies signed tags: install openssh-client") from None
    said = (done.stderr or done.stdout).decode(errors="replace").split("\n")
    return " ".join(said[:2]).strip() if done.returncode else ""


def needs_key(root: Path, name: str) -> None:
    """Refuse to make a tag that would count for nothing."""
    if signer(name) and Signers.of(root) and not os.environ.get(KEY, "").strip():
        raise BadInput(
            f"{ALLOWED} of main asks for a tag {name} that the key `{signer(name)}` signed, which the workflows' "
            f"environment of that name has: start the workflow, or give the key in {KEY}"
        )


@contextmanager
def options(environment: Mapping[str, str] = os.environ) -> Iterator[list[str]]:
    """Words for `git` that make it sign, where the environment has a key."""
    key = environment.get(KEY, "").strip()
    if not key:
        yield []
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "key")
        file.touch(mode=0o600)
        file.write_text(f"{key}\n", encoding="utf-8")
        yield ["-c", "gpg.format=ssh", "-c", f"user.signingkey={file}", "-c", "tag.gpgSign=true"]


@cache
def _raw(root: Path, object: str) -> str:
    """The bytes of a tag object as text, nothing stripped: the signature is over all of them. Empty if it is none."""
    done = subprocess.run(["git", "-C", str(root), "cat-file", "tag", object], capture_output=True, check=False)
    if done.returncode:
        git(root, "cat-file", "-e", object)  # it is here, and no tag
    return done.stdout.decode("utf-8", "surrogateescape")
