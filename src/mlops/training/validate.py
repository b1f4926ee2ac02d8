"""Data against the schema: everything that is wrong at once, and what the rules dropped or let pass."""

from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd

from mlops.contract import BadInput, Partition, Schema, decode, encode
from mlops.engine import Map
from mlops.training import profile, read, rules
from mlops.training.kept import Kept

MOST_ERRORS = 20


def folder(
    path: Path, schema: Schema, max_dropped: float, kept: Kept | None = None, mapping: Map = map
) -> dict[str, Partition]:
    """Check every partition of a folder; keys are the files' names. Those in `kept` are not read again.

    Raises
    ------
    BadInput
        One line an error, over all files: file, column, rule, count, values, remedy.
    """
    errors: list[str] = []
    found: dict[str, Partition] = {}
    keys = {file: ["profile", read.md5(file), max_dropped] for file in read.partitions(path)}
    made = (kept or Kept()).each(partial(_checked, schema=schema, max_dropped=max_dropped), keys, mapping)
    for file, one in zip(keys, made, strict=True):
        if isinstance(one, BadInput):
            errors += str(one).splitlines()
        else:
            found[str(file.relative_to(path))] = decode(Partition, one, str(file))
    if errors:
        more = len(errors) - MOST_ERRORS
        raise BadInput("\n".join(errors[:MOST_ERRORS] + ([f"... and {more} more"] if more > 0 else [])))
    return found


def clean(path: Path, schema: Schema) -> pd.DataFrame:
    """The rows of one partition that no rule drops."""
    rows, _ = read.partition(path, schema)
    return rows.loc[rules.kept(rows, schema)]


def _checked(file: Path, schema: Schema, max_dropped: float) -> bytes | BadInput:
    """What is known of a file, or what is wrong with it: so that others are still looked at, wherever that is done."""
    try:
        return encode(_partition(file, schema, max_dropped))
    except BadInput as error:
        return error


def _partition(file: Path, schema: Schema, max_dropped: float) -> Partition:
    rows, errors = read.partition(file, schema)
    if errors:
        raise BadInput("\n".join(errors))
    dropped: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    drop = pd.Series(False, index=rows.index)
    for broken in rules.violations(rows, schema):
        count = int(broken.mask.sum())
        if broken.policy == "error":
            values = f" (such as {broken.values})" if broken.values else ""
            place = "" if broken.column == rules.WHOLE_ROW else f"column '{broken.column}': "
            errors.append(f"{file}: {place}{count} of {len(rows)} rows: {broken.rule}{values}; {broken.remedy}")
        elif broken.policy == "drop":
            dropped[f"{broken.column}: {broken.rule}"] += count
            drop |= broken.mask
        else:
            passed[f"{broken.column}: {broken.rule}"] += count
    if drop.mean() > max_dropped:
        errors.append(
            f"{file}: the rules would drop {int(drop.sum())} of {len(rows)} rows ({dict(dropped)}), more than "
            f"validate.max_dropped = {max_dropped:g} allows; mend the file, or raise the limit in params.yaml"
        )
    if errors:
        raise BadInput("\n".join(errors))
    described = profile.describe(rows.loc[~drop], schema)
    return Partition(md5=read.md5(file), profile=described, dropped=dict(dropped), passed=dict(passed))
