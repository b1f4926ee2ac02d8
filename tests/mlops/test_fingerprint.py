"""What of two trees reaches the model: nothing that does is taken for the same, and nothing else moves it."""

import base64
import subprocess
from pathlib import Path

import pytest

from mlops import fingerprint
from mlops.contract import BadInput
from mlops.workspace import git

MODEL = b"trees = 100\n"
FILES = {
    "dvc.yaml": """\
stages:
  train:
    cmd: python -m pipelines.train
    deps: [data, src/problem, uv.py]
    params: [train]
    outs: [artifacts/model.onnx]
  evaluate: {cmd: python, deps: [artifacts/model.onnx]}
""",
    "params.yaml": "train: {max_features: 1, seed: 0}\nsearch: {trials: 3}\n",
    "data.dvc": f"outs: [{{md5: {'a' * 32}.dir, path: data}}]\n",
    "src/problem/model.py": MODEL.decode(),
    "uv.py": "x = 1\n",
    "README.md": "words\n",
    "uv.lock": "a lock\n",
}
SHADOW = f"outs: [{{md5: !!pairs [model.py: !!binary {base64.b64encode(MODEL).decode()}], path: problem}}]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def of(root: Path) -> dict[str, object]:
    git(root, "add", "--all", "--force")
    return fingerprint.of(root, git(root, "write-tree"), "train")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("params.yaml", "max_features: 1,", "max_features: 1.0,"),
        ("params.yaml", "max_features: 1,", "max_features: true,"),
        ("data.dvc", "a" * 32, "b" * 32),
        ("src/problem/model.py", "100", "101"),
        ("src/problem/new.py", "", "x = 2"),
        ("dvc.yaml", "outs: [artifacts/model.onnx]", "outs: [artifacts/model.onnx]\n    wdir: docs"),
        ("dvc.yaml", "    outs: [artifacts/model.onnx]\n", ""),
        ("dvc.yaml", "stages:", "vars: [train: {seed: 1}]\nstages:"),
        ("numpy.py", "", "x = 1"),
        ("numpy.pyc", "", "x = 1"),
        ("sklearn/__init__.py", "", "x = 1"),
        ("src/random.py", "", "x = 1"),
    ],
)
def test_what_reaches_the_model_moves_it(root: Path, file: str, old: str, new: str) -> None:
    before = of(root)
    path = root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "").replace(old, new))
    assert of(root) != before
    assert fingerprint.digest(of(root)) != fingerprint.digest(before)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("README.md", "other words"), ("docs/numpy/README.md", "words"), ("tests/test_x.py", "x"),
        ("uv.lock", "another"), ("scripts/x.py", "x"),
        ("params.yaml", "# why\ntrain: {seed: 0, max_features: 1}\nsearch: {trials: 4}\n"),
    ],
)  # fmt: skip
def test_what_does_not_is_left_aside(root: Path, file: str, text: str) -> None:
    before = of(root)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)
    assert of(root) == before


def test_a_pointer_beside_a_file_stands_for_nothing(root: Path) -> None:
    before = of(root)
    (root / "src/problem.dvc").write_text(SHADOW)
    (root / "src/problem/model.py").write_text("trees = 1\n")
    assert of(root) != before


def test_what_is_no_pointer_is_refused(root: Path) -> None:
    (root / "data.dvc").write_text(SHADOW.replace("path: problem", "path: data"))
    with pytest.raises(BadInput, match=r"data\.dvc"):
        of(root)


def test_a_file_that_grows_without_bound_is_refused_at_once(root: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    merged = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 30))]
    for text in (lines, merged, ["train: &a [*a]"]):
        (root / "params.yaml").write_text("\n".join([*text, "train: *a29" if len(text) > 1 else ""]))
        with pytest.raises(BadInput, match="more than 100,000 values"):
            of(root)
