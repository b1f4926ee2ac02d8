"""A request to the API, its answer, and what GitHub refuses in a body."""

import math
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from rehearsal.github.place import Json

LONGEST_BODY = 65_536
MOST_A_PAGE = 100
MANUAL = "https://docs.github.com/rest"


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, message: str, *errors: Json) -> None:
        super().__init__(message)
        told = {"errors": list(errors)} if errors else {}
        self.status, self.content = status, {"message": message, **told, "documentation_url": MANUAL}
        self.headers: dict[str, str] = {}


@dataclass(frozen=True)
class Call:
    """One request: the words in its path, its query, its JSON body, who sends it, and the bytes of a file."""

    words: dict[str, str]
    query: dict[str, str]
    body: Json
    actor: str
    content: bytes = b""


@dataclass(frozen=True)
class Answer:
    """`content` goes out as JSON; of a list only the page that was asked for, as `name` in an object if named."""

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    name: str = ""


def invalid(resource: str, name: str, code: str, message: str = "") -> Refused:
    error = {"resource": resource, "code": code, "field": name}
    return Refused(422, "Validation Failed", {**error, "message": message} if message else error)


def required(call: Call, resource: str, *names: str) -> list[str]:
    """Texts that the body must hold."""
    for name in names:
        if not isinstance(call.body.get(name), str) or not call.body[name].strip():
            raise invalid(resource, name, "missing_field")
    return [call.body[name] for name in names]


def text_of(call: Call, resource: str) -> str:
    """The body's `body`: an empty one is fine, one that is too long is not."""
    text = call.body.get("body") or ""
    if not isinstance(text, str):
        raise invalid(resource, "body", "invalid")
    if len(text) > LONGEST_BODY:
        raise invalid(resource, "body", "custom", f"body is too long (maximum is {LONGEST_BODY} characters)")
    return text


def edits_of(call: Call, resource: str, *names: str) -> Json:
    """Those of the fields `names` that the body changes."""
    text_of(call, resource)
    if call.body.get("state", "open") not in ("open", "closed"):
        raise invalid(resource, "state", "invalid")
    return {name: call.body[name] for name in names if name in call.body}


def names_of(given: Any) -> list[str]:
    """Labels come as names or as objects."""
    if not isinstance(given, list) or not given:
        raise invalid("Label", "labels", "missing_field")
    return [str(label.get("name")) if isinstance(label, dict) else str(label) for label in given]


def matching(records: list[Json], call: Call, **defaults: str) -> list[Json]:
    """Those whose fields have the values in the query (or else the default; `all` is any), the newest first."""
    wanted = {name: call.query.get(name, value) for name, value in defaults.items()}
    return [one for one in reversed(records) if all(value in ("all", one[name]) for name, value in wanted.items())]


def paged(answer: Answer, address: str, query: dict[str, str]) -> Answer:
    """The page of a list that the query asks for, its neighbours' addresses in the header `Link`."""
    records = answer.content
    if not isinstance(records, list):
        return answer
    size = min(max(_number(query.get("per_page"), 30), 1), MOST_A_PAGE)
    page, last = max(_number(query.get("page"), 1), 1), max(math.ceil(len(records) / size), 1)
    near = {"prev": page - 1, "first": 1} if page > 1 else {}
    near |= {"next": page + 1, "last": last} if page < last else {}
    links = [f'<{address}?{urlencode({**query, "page": n})}>; rel="{name}"' for name, n in near.items()]
    shown: Any = records[(page - 1) * size : page * size]
    content = {"total_count": len(records), answer.name: shown} if answer.name else shown
    return Answer(content, answer.status, {"Link": ", ".join(links)} if links else {})


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise
