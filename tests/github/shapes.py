"""Makes rehearsal/github/shapes.json of what npm brings: `python -m tests.github.shapes` writes it.

The words of a shape are those of rehearsal/github/ground.py.
"""

import json
import re
from pathlib import Path
from typing import Any

from rehearsal.github import ground
from rehearsal.github.routes import ROUTES
from tests.github.description import Description, Json, Schemas, schema_of

PACKAGES = Path(__file__).with_name("node_modules") / "@octokit"
OPENAPI = PACKAGES / "openapi/generated/api.github.com.json"
SCHEMAS = PACKAGES / "webhooks-schemas/schema.json"
EXAMPLES = PACKAGES / "webhooks-examples/api.github.com/index.json"
NOT_HERE = {"organization", "installation", "enterprise"}  # the repository is a person's, and no App listens
EVENTS = {
    "merge_group": "merge_group$checks_requested",
    "pull_request": "pull_request$opened",
    "push": "push$event",
    "repository_dispatch": "repository_dispatch$event",
    "workflow_dispatch": "workflow_dispatch$event",
    "workflow_run": "workflow_run$completed",
}
OTHERS = {"pull_request": ("pull_request$labeled", "pull_request$synchronize")}  # whose own fields may be there
BLANKS = {"null": None, "integer": 0, "number": 0, "boolean": False, "string": ""}
STRANGERS = re.compile("(?:octo-org|octocat|Codertocat|github)/(?:octo-repo|Hello-World|hello-world)")
FORMATS = {"date-time": "2011-01-26T19:01:12Z", "uri": "https://github.com"}


class Shapes:
    """Shapes of the schemas of a document; those that have a name are kept under it, and made once."""

    def __init__(self, schemas: Schemas, kept: Json, prefix: str = "") -> None:
        self.schemas, self.kept, self.prefix = schemas, kept, prefix

    def of(self, schema: Json, example: Any = None) -> Any:
        """The shape of a schema; the fields of the example, where there is one, are always there."""
        if "$ref" in schema:
            name = self.prefix + schema["$ref"].rpartition("/")[2]
            if name not in self.kept:
                self.kept[name] = {}  # one that holds itself ends here
                self.kept[name] = self.of(self.schemas.resolved(schema), example)
            return {"is": name} if isinstance(self.kept[name], dict) else self.kept[name]
        options = [one for kind in ("anyOf", "oneOf") for one in schema.get(kind, ()) if one.get("type") != "null"]
        kinds = schema.get("type", [])
        nullable = "null" in kinds or len(options) < sum(len(schema.get(kind, ())) for kind in ("anyOf", "oneOf"))
        shape = self._one_of(options, example) if options and "properties" not in schema else self._own(schema, example)
        if not nullable:
            return shape
        return {"or null": shape} if isinstance(shape, dict) else None

    def _one_of(self, options: list[Json], example: Any) -> Any:
        shapes = [self.of(one, example) for one in options]
        found = [shape for shape in shapes if isinstance(shape, dict)]
        return shapes[0] if not found else found[0] if len(found) == 1 else {"one of": found}

    def _own(self, schema: Json, example: Any) -> Any:
        parts = list(self.schemas.parts(schema)) if "allOf" in schema else [schema]
        named = {name: about for part in parts for name, about in part.get("properties", {}).items()}
        if named:
            there = example if isinstance(example, dict) else {}
            always = {
                name for part in parts for name in part.get("required", ())
            } | there.keys() & named.keys() - NOT_HERE
            shapes = {name: self.of(about, there.get(name)) for name, about in sorted(named.items())}
            maybe = {
                name: one for name, one in shapes.items() if name not in always | NOT_HERE and _says_something(one)
            }
            shape: Json = {"fields": {name: one for name, one in shapes.items() if name in always}}
            return {**shape, "maybe": maybe} if maybe else shape
        kinds = schema.get("type", "string" if {"enum", "const"} & schema.keys() else "object")
        kind = next((one for one in ([kinds] if isinstance(kinds, str) else kinds) if one != "null"), "null")
        if kind == "array":
            first = example[0] if isinstance(example, list) and example else None
            return {"each": self.of(schema.get("items", {}), first)}
        if kind == "object":
            return {"fields": {}}
        return self._blank(kind, schema, example)

    def _blank(self, kind: str, schema: Json, example: Any) -> Any:
        """What stands for a scalar that nobody says."""
        if example is not None:
            return example
        usual = (schema.get("enum") or [BLANKS[kind]])[0]
        return schema.get("example", schema.get("const", FORMATS.get(schema.get("format", ""), usual)))


def made() -> Json:
    """All shapes, from the packages."""
    kept: Json = {}
    described = Description(OPENAPI)
    calls = {f"{method} {path}": _call(described, kept, method, path) for method, path, *_ in ROUTES}
    hooks = Schemas(json.loads(SCHEMAS.read_text(encoding="utf-8")))
    examples = {one["name"]: one["examples"] for one in json.loads(EXAMPLES.read_text(encoding="utf-8"))}
    events = {name: _event(hooks, kept, name, examples[name]) for name in EVENTS}
    events["schedule"] = {
        "fields": {"repository": {"is": "event repository"}}
    }  # no webhook: GitHub describes it nowhere
    named = {name: one for name, one in sorted(kept.items()) if isinstance(one, dict)}
    return {"calls": {name: one for name, one in calls.items() if one is not None}, "events": events, "shapes": named}


def _says_something(shape: Any) -> bool:
    """Would it put anything beside what the rehearsal says?"""
    if not isinstance(shape, dict):
        return False
    inner = shape.get("each", shape.get("or null", shape.get("one of", [])))
    return bool(
        "is" in shape or shape.get("fields") or any(map(_says_something, inner if isinstance(inner, list) else [inner]))
    )


def _call(described: Description, kept: Json, method: str, path: str) -> Any:
    known = described.call(method, re.sub("[A-Z]+", "1", path)) or {"responses": {}}
    good = [about for status, about in sorted(known["responses"].items()) if status.startswith("2")]
    schema = schema_of(described.resolved(good[0])) if good else None
    return Shapes(described, kept).of(schema) if schema else None


def _event(hooks: Schemas, kept: Json, name: str, examples: list[Json]) -> Json:
    define, wanted = hooks.document["definitions"], EVENTS[name].partition("$")[2]
    fitting = [one for one in examples if one.get("action", wanted) == wanted] or examples
    example = min(fitting, key=lambda one: len(NOT_HERE & one.keys()))
    shape: Json = Shapes(hooks, kept, "event ").of(define[EVENTS[name]], example)
    for other in OTHERS.get(name, ()):
        more = Shapes(hooks, kept, "event ").of(define[other])["fields"]
        shape["maybe"] = {
            **shape.get("maybe", {}),
            **{key: one for key, one in more.items() if key not in shape["fields"]},
        }
    return shape


def text() -> str:
    """The file, as it should be: addresses are those of the rehearsal's repository, a line for each shape."""
    parts = [
        f'"{part}": {{\n' + ",\n".join(f'"{name}": {json.dumps(one, sort_keys=True)}' for name, one in shapes.items())
        for part, shapes in made().items()
    ]
    return STRANGERS.sub("owner/project", "{\n" + "\n},\n".join(parts) + "\n}\n}\n")


if __name__ == "__main__":
    ground.FILE.write_text(text(), encoding="utf-8")
