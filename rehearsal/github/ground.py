"""What GitHub says beside what the rehearsal knows: every field that its own description requires.

shapes.json says so in few words, made of GitHub's own schemas and examples (npm's @octokit/openapi,
@octokit/webhooks-schemas and @octokit/webhooks-examples, MIT). The template's `nox -s github` says where it differs.
A shape is what stands where the rehearsal says nothing, or one of these:

- `{"fields": {...}, "maybe": {...}}`: an object, with fields that are always there, and shapes of some that may be
- `{"each": shape}`: a list
- `{"or null": shape}`: null unless the rehearsal knows better
- `{"one of": [...]}`: that which has most of the rehearsal's fields
- `{"is": name}`: the shape of this name
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("shapes.json")


@cache
def shapes() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def answered(call: str, content: Any) -> Any:
    """The answer to a call, `GET /repos/OWNER/REPO`, with all of GitHub's fields."""
    return laid(shapes()["calls"].get(call), content)


def event(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload of an event, with all of GitHub's fields."""
    content: dict[str, Any] = laid(shapes()["events"][name], payload)
    return content


def laid(shape: Any, value: Any) -> Any:
    """A value over its shape; what the rehearsal keeps for itself, under names that begin with _, is left out."""
    shape = _plain(shape, value)
    if isinstance(value, list):
        each = shape.get("each") if isinstance(shape, dict) else None
        return [laid(each, one) for one in value]
    if not isinstance(value, dict):
        return value
    fields, maybe = (shape.get(part, {}) for part in ("fields", "maybe")) if isinstance(shape, dict) else ({}, {})
    own = {name: laid({**maybe, **fields}.get(name), one) for name, one in value.items() if name[:1] != "_"}
    return {**{name: blank(one) for name, one in fields.items()}, **own}


def blank(shape: Any) -> Any:
    """What stands where the rehearsal says nothing."""
    if not isinstance(shape, dict):
        return shape
    if "or null" in shape:
        return None
    if "each" in shape:
        return []
    return {name: blank(one) for name, one in _plain(shape, {}).get("fields", {}).items()}


def _plain(shape: Any, value: Any) -> Any:
    """The shape of an object, a list or a scalar that a shape comes to for this value."""
    while isinstance(shape, dict) and not {"fields", "each"} & shape.keys():
        if "is" in shape:
            shape = shapes()["shapes"][shape["is"]]
        elif "or null" in shape:
            shape = shape["or null"]
        else:
            known = [_plain(one, value) for one in shape["one of"]]
            shape = max(
                known, key=lambda one: len(one.get("fields", {}).keys() & value) if isinstance(one, dict) else -1
            )
    return shape
