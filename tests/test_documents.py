"""What documents say is so: every command, option, path, key and link in them; and a document that errs is seen."""

import pytest

from mlops.adopting import example
from tests import commands, documents
from tests.conftest import ROOT

NAMES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md"]
DOCUMENTS = [*NAMES, *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")
STAYING = commands.sessions(example.without(NOXFILE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_document_says_is_so_with_and_without_the_example(name: str) -> None:
    text, folder = (ROOT / name).read_text(encoding="utf-8"), (ROOT / name).parent
    assert documents.faults(example.without(text), folder, STAYING) == []
    assert documents.faults(text, folder, commands.sessions(NOXFILE)) == []


def test_every_role_has_one_page_and_no_page_is_left_out() -> None:
    text = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    table, _, rest = text.partition("For all:")
    pages = [documents.LINK.findall(line.split("|")[2]) for line in table.splitlines() if line.startswith("| ")][1:]
    assert {len(links) for links in pages} == {1}
    own = {link for links in pages for link in links}
    assert len(own) == len(pages) > 4
    there = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert there <= own | set(documents.LINK.findall(rest))


def test_sessions_that_the_code_tells_people_to_run_are_there() -> None:
    paths = [path for folder in ("src", "pipelines") for path in (ROOT / folder).rglob("*.py")]
    told = {tuple(words) for path in paths for words in documents.shown(path.read_text(encoding="utf-8"))}
    sessions = [list(words) for words in told if words[0] == "nox"]
    assert len(sessions) > 8
    assert [words for words in sessions if commands.fault(words, STAYING)] == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`nox -s experimnt`", "there is no session experimnt"),
        ("`nox experiment`", "a session is named by -s"),
        ("`nox -s rollback -- --reason two words`", "unrecognized arguments: words"),
        ("`nox -s rollback -- --reason 'two words' --psuh`", "unrecognized arguments: --psuh"),
        ("`nox -s experiment -- --bass HEAD`", "unrecognized arguments: --bass HEAD"),
        ("`make experiment ARGS=\"--sample many\"`", "invalid rows value: 'many'"),
        ("`nox -s rollback`, `nox -s rollback -- --push`", "required: --reason"),
        ("`nox -s schema -- --all`", "pipelines.schema takes no options"),
        ("`nox -s test -- tests/nowhere`", "there is no tests/nowhere"),
        ("```sh\nnox -s storage -- --endpiont http://x\n```", "--endpiont"),
        ("```\nX=1 make challenge ARGS=\"v1.0.0 --mode both\"\n```", "invalid choice: 'both'"),
        ("`python -m pipelines.tarin`", "there is no module pipelines.tarin"),
        ("`dvc ad data`", "dvc knows no such command"),
        ("`dvc pull --quick`", "not with these options"),
        ("`dvc add dada`", "there is no dada"),
        ("`git rest --hard HEAD`", "git has no rest"),
        ("`git reset --hrad HEAD`", "git reset has no --hrad"),
        ("```sh\ndocker build .\n```", "no test knows docker"),
        ("`curl localhost`", "no test knows curl"),
        ("`kubectl apply --kustomize deploy/kubernetes/nowhere`", "there is no deploy/kubernetes/nowhere"),
        ("`judge.sampl_rows`", "`judge.sampl_rows`: params.yaml has no such key"),
        ("`src/problem/shcema.py`", "`src/problem/shcema.py`: there is no such path"),
        ("[a](nowhere.md)", "(nowhere.md) leads nowhere"),
        ("[a](README.md#no-such-heading)", "(README.md#no-such-heading) leads nowhere"),
    ],
)  # fmt: skip
def test_a_document_that_errs_is_seen(text: str, wrong: str) -> None:
    (found,) = [one for one in documents.faults(text, ROOT, STAYING) if wrong in one]
    assert wrong in found
