"""Where GitHub's settings differ from those wanted, and what makes them agree; refusals in words that help."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from github import GithubException

from mlops.adopting.parts import Part
from mlops.contract import BadInput

PLANS = (
    "the plan of its owner hasn't got this: private repositories have rulesets and environments from GitHub Pro and "
    "Team on, reviewers with Enterprise alone; public ones have all of it"
)
NO_KEYS = (
    "the organisation forbids them, as new ones do: an owner allows them (in its settings: Deploy keys); until then "
    "tags of production come from a laptop (`nox -s promote`, `nox -s rollback`), with the ruleset `production` off"
)
NAMES = ("type", "context", "actor_type", "actor_id")  # by which the members of a list are told apart


@dataclass(frozen=True)
class Row:
    """One line of the plan: what GitHub has now, and what the files want."""

    setting: str
    now: Any
    wanted: Any


def plan(known: Iterable[Part]) -> tuple[list[Row], list[str]]:
    """Where GitHub differs, and which parts couldn't be read, and why."""
    rows: list[Row] = []
    faults: list[str] = []
    for part in known:
        try:
            rows += _rows(part, part.read())
        except (GithubException, BadInput) as error:
            faults.append(refusal(part, error))
    return rows, faults


def apply(known: Iterable[Part]) -> tuple[list[str], list[str]]:
    """Send what differs; names of the parts that were changed, and why others weren't."""
    changed: list[str] = []
    faults: list[str] = []
    for part in known:
        try:
            found = part.read()
            if list(_rows(part, found)):
                part.write(found)
                changed.append(part.name)
        except (GithubException, BadInput) as error:
            faults.append(refusal(part, error))
    return changed, faults


def refusal(part: Part, error: GithubException | BadInput) -> str:
    """Which setting it was, what GitHub answered, and what would help."""
    if isinstance(error, BadInput):
        return f"{part.name}: {error}"
    content = error.data if isinstance(error.data, dict) else {}
    why = [one.get("message", one) if isinstance(one, dict) else one for one in content.get("errors", ())]
    answer = " ".join(map(str, [content.get("message", error.data), *why]))
    right = (error.headers or {}).get("x-accepted-github-permissions") or part.right
    match error.status:
        case _ if "pgrade to" in answer or "billing plan" in answer:
            help = PLANS
        case 422 if "eploy keys are disabled" in answer:
            help = NO_KEYS
        case 401:
            help = "GITHUB_TOKEN is no token that GitHub knows"
        case 403:
            help = f"the token needs the right {right}, and its owner the repository's administration"
        case 404:
            help = f"what .github/settings names isn't there, or the token may not see it: it needs the right {right}"
        case 409:
            help = "a policy of the organisation decides this; its owners can change it"
        case _:
            help = "mend it in .github/settings"
    return f"{part.name}: GitHub answered {error.status}, {answer}; {help}"


def table(rows: Iterable[Row]) -> str:
    """The plan in Markdown."""
    lines = [f"| {row.setting} | {_short(row.now)} | {_short(row.wanted)} |" for row in rows]
    return "\n".join(["| setting | now | wanted |", "|---|---|---|", *lines])


def _rows(part: Part, found: dict[str, Any] | None) -> Iterator[Row]:
    if found is None:
        yield Row(part.name, None, part.wanted)
        return
    for place, now, wanted in differences(part.wanted, found):
        yield Row(f"{part.name}: {place}", now, wanted)


def differences(wanted: Any, found: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where `found` isn't as wanted: place, found, wanted. Keys of an object that GitHub adds are its own affair;
    members of a list are not.
    """
    if isinstance(wanted, dict) and isinstance(found, dict):
        pairs = {name: (value, found.get(name)) for name, value in wanted.items()}
    elif isinstance(wanted, list) and isinstance(found, list):
        after, before = _named(wanted), _named(found)
        pairs = {name: (after.get(name), before.get(name)) for name in {**before, **after}}
    else:
        if wanted != found:
            yield place, found, wanted
        return
    for name, pair in pairs.items():
        yield from differences(*pair, f"{place}.{name}" if place else name)


def _named(members: list[Any]) -> dict[str, Any]:
    """Members of a list by what tells them apart; texts by themselves."""
    return {_name(one): one for one in members}


def _name(member: Any) -> str:
    if not isinstance(member, dict):
        return str(member)
    return " ".join(str(member[name]) for name in NAMES if member.get(name) is not None)


def _short(value: Any) -> str:
    """For a person: of a list the names of its members."""
    if value is None:
        return "not there"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(one)}" for name, one in value.items() if one not in (None, [], {}))
    text = (" ".join(map(_name, value)) if isinstance(value, list) else str(value)).replace("|", "\\|")
    return f"`{text}`" if "*" in text else text  # as a terminal would take the stars for emphasis
