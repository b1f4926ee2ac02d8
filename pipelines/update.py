"""Bring what is new in the template: its machinery alone, as one commit on the branch `update`.

Not a stage (it asks the template's repository): data, schema, features, model, params.yaml's values, data card and the
README's problem paragraph stay as they are. Refuses where git couldn't undo it.
Exit status: 0 done or nothing new; 1 refused, or conflicts are left to be mended.
"""

import argparse
import sys
from pathlib import Path

from mlops import console
from mlops.adopting import project, update

NEXT = """On the branch `update`, in one commit. Next: `nox -s test`, `nox -s experiment`, and a pull request.
After the merge, `nox -s settings`: checks may have come.
To go back: git switch - && git branch -D update"""
MEND = """Mend what stands between the marks in these files, or take one side whole (`git checkout --ours FILE`: yours;
`--theirs`: the template's; for uv.lock the template's, then `uv lock`). Then `git add` them, and `git cherry-pick
--continue`. To go back: git cherry-pick --abort && git switch - && git branch -D update"""


def main(options: argparse.Namespace, root: Path) -> int:
    project.clean(root)
    found = update.find(root, options.template, options.to)
    if found.old == found.new:
        console.say(f"Nothing new: the machinery is that of the template's {found.new[:7]}.")
        return 0
    clashes = found.pick()
    console.say(f"From the template's {found.old[:7]} to {found.new[:7]}.")
    for name, how in clashes.items():
        console.say(f"conflict in {name}: {how}")
    console.say(MEND if clashes else NEXT)
    return 1 if clashes else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="update", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--from", dest="template", metavar="URL", help="the template; default: as .template says")
    parser.add_argument("--to", metavar="REV", default="HEAD", help="its branch, tag or commit; default: the newest")
    sys.exit(main(parser.parse_args(), Path().resolve()))
