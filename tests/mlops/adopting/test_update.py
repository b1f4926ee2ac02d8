"""params.yaml of a project and of two templates."""

from mlops.adopting import update

VALIDATE, SPLIT, TRAIN = "validate:\n  max: {} # percent\n", "split:\n  by: day\n", "train:\n  seed: {}\n  model:\n"
OWN = f"# Ours.\n\n{VALIDATE.format(5)}\n{TRAIN.format(7)}    depth: 3 # ours\n"
OLD = f"# One block a step.\n\n{VALIDATE.format(1)}\n{TRAIN.format(0)}    trees: 100\n"


def test_a_template_that_changed_values_alone_changes_nothing():
    assert update.merged(OWN, OLD, OLD.replace("max: 1", "max: 2").replace("trees", "leaves")) == OWN


def test_new_keys_and_blocks_arrive_where_the_template_has_them():
    def with_more(text: str) -> str:
        return text.replace("percent\n", "percent\n  min: 0 # more\n").replace("\ntrain", f"\n{SPLIT}\ntrain")

    assert update.merged(OWN, OLD, with_more(OLD)) == with_more(OWN)


def test_keys_and_blocks_that_the_template_removed_leave_and_those_of_the_project_stay():
    new = OLD.replace(f"{VALIDATE.format(1)}\n", "").replace("  seed: 0\n", "")
    without = OWN.replace(f"{VALIDATE.format(5)}\n", "").replace("  seed: 7\n", "")
    assert update.merged(f"{OWN}\n{SPLIT}", OLD, new) == f"{without}\n{SPLIT}"


def test_a_file_without_comments_and_blank_lines_gets_new_keys_too():
    dumped = "validate:\n  max: 5\ntrain:\n  seed: 7\n  model:\n    depth: 3\n"
    new = OLD.replace("  seed: 0", "  repeats: 2 # times\n  seed: 0")
    merged = update.merged(dumped, OLD, new)
    assert merged.startswith("validate:\n  max: 5\n")
    assert "train:\n  repeats: 2 # times\n  seed: 7\n" in merged
