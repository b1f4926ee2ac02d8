"""Move the storage: copy every object, read it back, and only then let .dvc/config name the new place."""

import tempfile
from pathlib import Path

from mlops import pointers
from mlops.contract import BadInput
from mlops.objects import PROTOCOLS, SEED, Remote
from mlops.releasing import storage
from mlops.releasing.branch import FOLDER
from mlops.releasing.bucket import Bucket

VARIABLES = {
    "s3": "AWS_ROLE_ARN, AWS_REGION",
    "azure": "AZURE_CLIENT_ID, AZURE_TENANT_ID",
    "gs": "GOOGLE_WORKLOAD_IDENTITY_PROVIDER, GOOGLE_SERVICE_ACCOUNT",
}


def target(url: str, endpoint: str = "", account: str = "") -> Remote:
    """The place that a person names: a URL, or a folder that exists.

    Raises
    ------
    BadInput
        It is neither, or an option is missing or doesn't fit.
    """
    scheme, separator, rest = url.partition("://")
    if endpoint and scheme not in ("s3", "gs"):
        raise BadInput(f"{url}: --endpoint goes with s3:// and gs:// alone")
    if bool(account) is not (scheme == "azure"):
        raise BadInput(f"{url}: --account NAME goes with azure://, and with nothing else")
    if separator and scheme in PROTOCOLS and rest.strip("/"):
        return Remote(url.rstrip("/"), endpoint, account)
    folder = Path(url).expanduser()
    if separator or "/" not in url:
        known = ", ".join(f"{name}://bucket/path" for name in PROTOCOLS)
        raise BadInput(f"'{url}': expected push, pull, {known}, or the path of a folder (./here, /mnt/there)")
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; make it first")
    return Remote(str(folder.resolve()))


def move(root: Path, to: Remote) -> str:
    """Copy all that the storage, the bundle and this tree have to `to`, and make it the remote of everything.

    The old place keeps what it has: older versions go on reading from it. Returns what to tell a person.

    Raises
    ------
    BadInput
        `to` can't be reached, or didn't give back what it was given; the old place is still the one in use.
    """
    new, held = Bucket(to), storage.places(root)
    wanted = pointers.whole(pointers.needed(root), held)
    there = new.listed()
    files = {md5: file for md5 in wanted if (file := pointers.locate(md5, held))}
    files |= _inside(root / SEED) | _from_branch(root)
    new.send({md5: file for md5, file in files.items() if there.get(md5) != file.stat().st_size})
    old = storage.remote(root)
    if not old.on_branch and old != to:
        _carry(Bucket(old), new, files.keys() | there.keys())
    every = new.listed()
    damaged = new.damaged(every)
    if damaged:
        raise BadInput(
            f"{to.url}: holds something else as object {', '.join(damaged[:5])}; delete it there, and repeat"
        )
    lost = [path for md5, path in wanted.items() if md5 not in every]
    if lost:
        raise BadInput(f"{', '.join(lost[:5])}: neither on this machine nor in the storage; `nox -s storage -- pull`")
    _configure(root, to)
    size = f"{len(every)} objects, {sum(every.values()) / 1e6:.1f} MB, each read back and whole"
    return f"{to.url} is the storage now: {size}.\n{_advice(to)}"


def _from_branch(root: Path) -> dict[str, Path]:
    """All that the branch ever got: it stays readable, but from now on nobody adds to it."""
    if not storage.remote(root).on_branch:
        return {}
    storage.pull(root)
    return _inside(root / FOLDER)


def _inside(folder: Path) -> dict[str, Path]:
    return {file.parent.name + file.name: file for file in folder.glob("files/md5/??/*")}


def _carry(old: Bucket, new: Bucket, known: set[str]) -> None:
    """From bucket to bucket by way of this machine, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        for md5 in sorted(old.listed().keys() - known, key=lambda md5: md5.endswith(pointers.FOLDER)):
            file = Path(folder) / md5
            old.receive(md5, file)
            new.send({md5: file})
            file.unlink()


def _configure(root: Path, to: Remote) -> None:
    """Write .dvc/config; by its URLs sessions and jobs know which dependency groups the places take. One that was in a
    cloud stays there under another name, as older versions are read from it.
    """
    options = {"url": to.url, "verify": "true", "endpointurl": to.endpoint, "account_name": to.account}
    with storage.config(root).edit("repo") as config:
        config["core"]["remote"] = "storage"
        old = config["remote"].get("storage", {})
        if "://" in old.get("url", "") and old["url"] != to.url:
            config["remote"][f"before-{len(config['remote'])}"] = dict(old)
        config["remote"]["storage"] = {name: value for name, value in options.items() if value}


def _advice(to: Remote) -> str:
    """What remains to be done by a person."""
    lines = ["Commit .dvc/config. The old storage stays: older versions need it."]
    if to.scheme:
        lines += [
            "In GitHub, Settings, Secrets and variables, Actions, Variables: "
            f"{VARIABLES[to.scheme]}. Jobs log in by GitHub's identity token; no secret is stored.",
            "Pull requests train with that identity: let it read only. One that may write has the same variables in "
            "the environment `release` (Settings, Environments).",
            "Let the cloud trust the issuer https://token.actions.githubusercontent.com with these subjects: to read "
            "`repo:OWNER/NAME:pull_request`, `...:ref:refs/heads/main` and `...:environment:production`, to write "
            "`repo:OWNER/NAME:environment:release` alone. A repository made or renamed after 15 July 2026 is "
            "`repo:OWNER@ID/NAME@ID:...` there; `gh api repos/OWNER/NAME/actions/oidc/customization/sub` tells.",
        ]
    return "\n".join(lines)
