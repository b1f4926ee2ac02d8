"""A newer template for a project with data and a problem of its own: what changed of the machinery, as one commit.

Both of the template's commits, the one that the project has and the newer one, are cut to the machinery: without the
example, as adopting does it, and with the project's own words where it has some. What differs between them is picked
upon the project as git picks any commit, so a clash is a conflict like any other. Histories needn't be related: the
file .template says which commit was brought last, and before the first time a tree that both histories know.
"""

import ast
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from mlops import params, trees
from mlops.adopting import example, write
from mlops.contract import BadInput, Strict
from mlops.workspace import git

RECORD, BRANCH = ".template", "update"
OWN = ("artifacts/metrics.json", "data.dvc", write.CARD, "dvc.lock", "src/problem")
TESTS = "tests/problem"  # the template's, until somebody changes them
CLASHES = {
    "AA": "both added it",
    "DU": "the template changed it, you removed it",
    "UD": "you changed it, the template removed it",
    "UU": "both changed the same lines",
}


class Record(Strict, frozen=True):
    """The content of .template."""

    url: str
    commit: str


@dataclass(frozen=True)
class Update:
    """From the template's commit `old`, which the project at `root` has, to `new`."""

    root: Path
    url: str
    old: str
    new: str

    def pick(self) -> dict[str, str]:
        """Commit the difference on the branch `update`.

        Returns
        -------
        dict
            Files that clash, and how; git leaves them, and the commit, to be finished by hand.
        """
        if git(self.root, "branch", "--list", BRANCH):
            raise BadInput(f"there is a branch `{BRANCH}` already: merge it, or drop it with `git branch -D {BRANCH}`")
        message = f"Bring the machinery of the template's {self.new[:7]}\n\nIt was that of {self.old[:7]}. {self.url}"
        base = git(self.root, "commit-tree", self._base(), "-m", "The template as it was")
        step = git(self.root, "commit-tree", self._step(), "-p", base, "-m", message)
        git(self.root, "switch", "--quiet", "--create", BRANCH)
        try:
            git(self.root, "cherry-pick", step)
        except BadInput:
            clashes = _clashes(self.root)
            if not clashes:
                raise
            return clashes
        return {}

    def _base(self) -> str:
        rows = git(self.root, "ls-tree", "HEAD", "params.yaml", RECORD).splitlines()  # mode, type, id, path
        return self._side(self.old, {row.split()[3]: row.split()[2] for row in rows})

    def _step(self) -> str:
        values = merged(*(_text(self.root, commit, "params.yaml") for commit in ("HEAD", self.old, self.new)))
        record = yaml.safe_dump({"url": self.url, "commit": self.new}, sort_keys=False)
        texts = {"params.yaml": values, RECORD: f"# Kept by `nox -s update`.\n{record}"}
        return self._side(self.new, {name: trees.blob(self.root, text) for name, text in texts.items()})

    def _side(self, commit: str, blobs: dict[str, str]) -> str:
        """The tree of a template's commit, cut to the machinery, with these blobs by path."""
        changed = git(self.root, "diff", "--name-only", "-z", self.old, "HEAD", "--", TESTS).split("\0")
        leaving = [*_leaving(self.root, commit), *OWN, *filter(None, changed), RECORD]
        for name in example.CUT:
            if text := _text(self.root, commit, name):
                cut = _own_problem(example.cut(name, text), _text(self.root, "HEAD", name))
                blobs[name] = trees.blob(self.root, cut)
        return trees.changed(self.root, commit, blobs, leaving)


def find(root: Path, url: str | None, revision: str) -> Update:
    """Fetch the template.

    Raises
    ------
    BadInput
        Nobody said where the template is, or which of its commits the project began with can't be told.
    """
    text = _text(root, "HEAD", RECORD)
    known = params.convert(yaml.safe_load(text), Record, RECORD) if text else None
    place = url or (known.url if known else None)
    if not place:
        raise BadInput(f"where is the template? Say `--from URL`, once: {RECORD} remembers it")
    git(root, "fetch", "--quiet", "--no-tags", "--", place, revision)
    new = git(root, "rev-parse", "FETCH_HEAD^{commit}")
    return Update(root, re.sub(r"^(https?://)[^/@]*@", r"\1", place), _begun(root, new, known), new)


def merged(own: str, old: str, new: str) -> str:
    """params.yaml with the keys that the template added, and without those that it removed; own values stay."""
    mine, before, after = (_parts(text, "") for text in (own, old, new))
    blocks = _merge(mine, before, after)
    for name in set(mine) & set(before) & set(after) - {""}:
        blocks[name] = "\n".join(_merge(*(_parts(side[name], "  ") for side in (mine, before, after))).values())
    return "\n\n".join(filter(None, blocks.values())) + "\n"


def _merge(own: dict[str, str], old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """What came stands behind the part that it follows in the template."""
    names = [name for name in own if name in new or name not in old]
    for before, name in pairwise(new):
        if name not in old and name not in own:
            names.insert(names.index(before) + 1 if before in names else len(names), name)
    return {name: own[name] if name in own else new[name] for name in names}


def _parts(text: str, indent: str) -> dict[str, str]:
    """A text from key to key, comments included; what stands before the first key has the name ''."""
    first, *others = re.split(rf"(?m)^(?={indent}\w+:)", text)
    return {"": first.rstrip("\n")} | {part.partition(":")[0].strip(): part.rstrip("\n") for part in others}


def _begun(root: Path, new: str, known: Record | None) -> str:
    """The commit in the history of `new` whose machinery the project has."""
    trees = dict(line.split() for line in git(root, "log", "--format=%H %T", new).splitlines())
    if known and known.commit in trees:
        return known.commit
    commits = {tree: commit for commit, tree in trees.items()}
    for tree in git(root, "log", "--format=%T", "HEAD").splitlines():  # which may begin with a copy of the template
        if tree in commits:
            return commits[tree]
    raise BadInput(
        "no commit of this project is one of the template, so what is new there can't be told: write the one that the "
        f"project began with into {RECORD}, in two lines, `url: ...` and `commit: ...` (40 digits), and commit that"
    )


def _text(root: Path, commit: str, name: str) -> str:
    """A file's text; empty where there is none."""
    return git(root, "show", f"{commit}:{name}") + "\n" if git(root, "ls-tree", commit, name) else ""


def _leaving(root: Path, commit: str) -> tuple[str, ...]:
    """What leaves with the example, by that commit's own list; read, not run."""
    for node in ast.parse(_text(root, commit, "src/mlops/adopting/example.py")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LEAVING":
            return tuple(ast.literal_eval(node.value))
    return example.LEAVING


def _own_problem(text: str, own: str) -> str:
    """A README with the paragraph of another one on the problem."""
    found = write.PROBLEM.search(own)
    return write.PROBLEM.sub(lambda _: found[0], text) if found else text


def _clashes(root: Path) -> dict[str, str]:
    lines = git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no").split("\0")
    unmerged = [line for line in lines if "U" in line[:2] or line[:2] in ("AA", "DD")]
    return {line[3:]: CLASHES.get(line[:2], "both moved it") for line in unmerged}
