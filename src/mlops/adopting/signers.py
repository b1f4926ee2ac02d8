"""The pull request that says who signs tags: from its merge on, tags that nobody signed count for nothing."""

from collections.abc import Callable, Mapping
from pathlib import Path

from mlops import trees
from mlops.adopting.parts import MOST, Part
from mlops.contract import BadInput
from mlops.hub import Hub
from mlops.workspace import git

BRANCH = "allowed-signers"
ALLOWED, KNOWN = ".github/allowed_signers", ".github/unsigned_tags"
BODY = """\
The keys of these environments sign tags from now on: `release` versions and what comes to staging, `production` what \
comes to production, challenges it, or is bad. Once this is merged, a tag that the right key didn't sign counts for \
nothing; those that count already are listed in `.github/unsigned_tags`. Merge it before the next deployment: what a \
new key signs until then counts for nothing. To revoke a key, delete its line.
"""
SIGNERS = {"release", "production"}
Believed = Callable[[Path], Mapping[str, str]]


def part(hub: Hub, root: Path, environments: list[str], believed: Believed) -> Part:
    """Main's allowed_signers has the deploy keys of these environments, or a pull request is open that says so.

    `believed` tells objects by name of the tags that count by what main says now: they go on counting.
    """
    wanted = {"keys": ", ".join(environments)}

    def lines() -> str:
        known = {key["title"]: " ".join(key["key"].split()[:2]) for key in hub.ask("GET", f"keys?{MOST}")}
        return "".join(f'{name} namespaces="git" {known[name]}\n' for name in environments if name in known)

    def there(branch: str = hub.repository.default_branch) -> str | None:
        git(root, "fetch", "--quiet", "--tags", "origin", branch)
        content = trees.contents(root, "FETCH_HEAD", [ALLOWED]).get(ALLOWED)
        return content.decode() if content is not None else None

    def read() -> dict[str, str] | None:
        known = lines()
        proposed = hub.open_pull_request(BRANCH) and known == there(BRANCH)
        return wanted if proposed or known in ("", there()) else None

    def write(_: object) -> None:
        missing = SIGNERS - {line.split()[0] for line in lines().splitlines()}
        if missing:
            raise BadInput(f"left as it is, as nobody could sign for `{missing.pop()}`: its deploy key isn't there")
        there()
        main = git(root, "rev-parse", "FETCH_HEAD")
        known = trees.contents(root, main, [KNOWN]).get(KNOWN, b"").decode().splitlines()
        known += [f"{object} {name}" for name, object in believed(root).items()]
        blobs = {ALLOWED: trees.blob(root, lines()), KNOWN: trees.blob(root, "\n".join(dict.fromkeys(known)) + "\n")}
        made = git(root, "commit-tree", trees.changed(root, main, blobs), "-p", main, "-m", "Say who signs tags")
        git(root, "push", "--quiet", "--no-verify", "--force", "origin", f"{made}:refs/heads/{BRANCH}")
        hub.propose(BRANCH, "Say who signs tags", BODY)

    return Part("who signs tags", wanted, read, write, "pull_requests=write")
