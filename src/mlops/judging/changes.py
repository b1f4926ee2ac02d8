"""What the head changed, in words that a reviewer reads: params, schema, data and its distributions."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlops.contract import Partition, Profile, Schema, Summary
from mlops.judging.record import Change, Drift

OWN_FILES = frozenset((  # what a change of the model, its data and its documents touches; schema.py has its own lines
    "src/problem/model.py", "src/problem/features.py", "src/problem/schema.py", "params.yaml", "data.dvc", "live.dvc",
    "dvc.lock", "artifacts/metrics.json", "README.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
))  # fmt: skip
OWN_FOLDERS = ("docs/", "tests/problem/")
OWN_PARAMS = ("train", "search")
MISSING_POINTS, SHIFT, NEW_SHARE = 0.02, 0.5, 0.001


def touching(paths: Iterable[str], changed: Iterable[Change] = ()) -> list[str]:
    """Those of the changed files and params that may touch what judges or runs the change: all that aren't its own."""
    found = [path for path in paths if path not in OWN_FILES and not path.startswith(OWN_FOLDERS)]
    return found + [f"params.yaml: {row.what}" for row in changed if row.what.split(".")[0] not in OWN_PARAMS]


def params(base: Mapping[str, Any], head: Mapping[str, Any]) -> list[Change]:
    """Keys of params.yaml whose values differ."""
    flat = [dict(_flat("", side)) for side in (base, head)]
    return [
        Change(what=key[:500], base=_text(flat[0].get(key)), head=_text(flat[1].get(key)))
        for key in sorted({*flat[0], *flat[1]})
        if repr(flat[0].get(key)) != repr(flat[1].get(key))  # 1, 1.0 and true are three values, and equal in Python
    ][:200]


def schema(base: Schema, head: Schema) -> list[Change]:
    """Columns and settings of the schema that differ."""
    names = list(dict.fromkeys([*base.columns, *head.columns]))
    found = [
        Change(what=name, base=_column(base, name), head=_column(head, name))
        for name in names
        if base.columns.get(name) != head.columns.get(name)
    ]
    for field in ("task", "zone", "duplicates", "key"):
        before, after = getattr(base, field), getattr(head, field)
        if before != after:
            found.append(Change(what=field, base=_text(before), head=_text(after)))
    return found[:500]


def data(base: Mapping[str, Partition], head: Mapping[str, Partition]) -> list[Change]:
    """Files that came, went, or hold other bytes."""
    return [
        Change(what=name[:500], base=_rows(base.get(name)), head=_rows(head.get(name)))
        for name in sorted({*base, *head})
        if _md5(base.get(name)) != _md5(head.get(name))
    ][:500]


def drift(base: Mapping[str, Partition], head: Mapping[str, Partition]) -> list[Drift]:
    """How the rows that the head adds or changes differ from the base's rows, most notable first."""
    new = {name: part.profile for name, part in head.items() if _md5(base.get(name)) != part.md5}
    if not new or not base:
        return []
    before, after = [part.profile for part in base.values()], list(new.values())
    columns = list(dict.fromkeys(name for profile in after for name in profile.columns))
    found = [row for name in columns for row in _column_drift(name, before, after)]
    return sorted(found, key=lambda row: not row.notable)[:500]


def _column_drift(name: str, before: list[Profile], after: list[Profile]) -> Iterator[Drift]:
    old, new = _share_missing(name, before), _share_missing(name, after)
    if old is None or new is None:
        return
    notable = abs(new - old) >= MISSING_POINTS
    if notable or abs(new - old) > MISSING_POINTS / 10:
        yield Drift(column=name, what="missing", base=f"{old:.1%}", head=f"{new:.1%}", notable=notable)
    mean, std = _moments(name, before)
    mean_after, _ = _moments(name, after)
    if mean is not None and mean_after is not None and std and abs(mean_after - mean) > SHIFT / 2 * std:
        notable = abs(mean_after - mean) > SHIFT * std
        yield Drift(column=name, what="mean", base=f"{mean:.4g}", head=f"{mean_after:.4g}", notable=notable)
    known = _counts(name, before)
    if known:
        unknown = {value: n for value, n in _counts(name, after).items() if value not in known}
        share = sum(unknown.values()) / sum(profile.rows for profile in after)
        if unknown:
            listed = ", ".join(sorted(unknown, key=lambda value: -unknown[value])[:3])
            yield Drift(
                column=name,
                what="new categories",
                base="",
                head=f"{listed} ({share:.2%})"[:500],
                notable=share > NEW_SHARE,
            )


def _having(name: str, profiles: list[Profile]) -> list[tuple[int, Summary]]:
    return [(profile.rows, profile.columns[name]) for profile in profiles if name in profile.columns]


def _share_missing(name: str, profiles: list[Profile]) -> float | None:
    parts = _having(name, profiles)
    return sum(part.missing for _, part in parts) / sum(rows for rows, _ in parts) if parts else None


def _moments(name: str, profiles: list[Profile]) -> tuple[float | None, float | None]:
    """Mean and standard deviation over all parts together."""
    parts = [(rows - s.missing, s.mean, s.std) for rows, s in _having(name, profiles) if s.mean is not None]
    total = sum(rows for rows, _, _ in parts)
    if not total:
        return None, None
    mean = sum(rows * m for rows, m, _ in parts) / total
    square = sum(rows * ((s or 0.0) ** 2 + m**2) for rows, m, s in parts) / total
    return mean, max(square - mean**2, 0.0) ** 0.5


def _counts(name: str, profiles: list[Profile]) -> dict[str, int]:
    total: dict[str, int] = {}
    for _, part in _having(name, profiles):
        for value, count in part.counts.items():
            total[value] = total.get(value, 0) + count
    return total


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        yield prefix, value


def _column(schema: Schema, name: str) -> str:
    column = schema.columns.get(name)
    if column is None:
        return ""
    bounds = f" [{'' if column.low is None else column.low}, {'' if column.high is None else column.high}]"
    extras = [
        ", ".join(column.roles),
        column.unit,
        "may be missing" if column.missing else "",
        f"outliers: {column.outliers}",
    ]
    text = column.type + (bounds if (column.low, column.high) != (None, None) else "")
    extras += ["sensitive" if column.sensitive else "", ", ".join(column.categories)]
    return "; ".join(part for part in (text, *extras) if part)[:500]


def _rows(part: Partition | None) -> str:
    return f"{part.profile.rows:,} rows ({part.md5[:7]})" if part else ""


def _md5(part: Partition | None) -> str:
    return part.md5 if part else ""


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:500]
