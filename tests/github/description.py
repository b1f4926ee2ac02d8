"""GitHub's own description of its API, from npm, and what an exchange does that it doesn't describe."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT4

Json = dict[str, Any]
EVERYWHERE = {401, 403, 404}  # bad token, right that is missing, nothing there: GitHub answers these to every call
BROKEN = 500
FORMATS = FormatChecker(())
HERE = "urn:github"


@FORMATS.checks("date-time", raises=ValueError)
def _moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri")
def _address(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"\w+:\S+|", value) is not None  # none is GitHub's default


class Schemas:
    """The schemas of one document, which refer to each other."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.registry = Registry().with_resource(HERE, DRAFT4.create_resource(document))

    def faults(self, schema: Json, value: Any) -> Iterator[str]:
        """What of a value doesn't fit a schema, its place first; fields that the schema doesn't name included."""
        checker = Draft4Validator(_absolute(schema), registry=self.registry, format_checker=FORMATS)
        for error in checker.iter_errors(value):
            yield from _told(error)
        yield from self.strangers(schema, value)

    def strangers(self, schema: Json, value: Any, place: str = "") -> Iterator[str]:
        """Fields that a schema doesn't name."""
        parts = list(self.parts(schema))
        if isinstance(value, list):
            inner = [part["items"] for part in parts if "items" in part]
            for number, one in enumerate(value if inner else ()):
                yield from self.strangers({"anyOf": inner}, one, f"{place}[{number}]")
        if isinstance(value, dict):
            named: dict[str, list[Json]] = {}
            for part in parts:
                for name, about in part.get("properties", {}).items():
                    named.setdefault(name, []).append(about)
            free = not named or any(part.get("additionalProperties") for part in parts)
            for name, one in value.items():
                if name in named:
                    yield from self.strangers({"anyOf": named[name]}, one, f"{place}.{name}")
                elif not free:
                    yield f"{place}.{name}: GitHub knows no such field"

    def parts(self, schema: Json) -> Iterator[Json]:
        """A schema, and all that it is put together of."""
        schema = self.resolved(schema)
        yield schema
        for kind in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(kind, ()):
                yield from self.parts(part)

    def resolved(self, thing: Json) -> Json:
        """What a reference leads to."""
        while "$ref" in thing:
            found: Any = self.document
            for word in thing["$ref"].partition("#/")[2].split("/"):
                found = found[word.replace("~1", "/").replace("~0", "~")]
            thing = found
        return thing


class Description(Schemas):
    """The calls that GitHub answers, by the OpenAPI document of @octokit/openapi."""

    def __init__(self, file: Path) -> None:
        super().__init__(_nullable(json.loads(file.read_text(encoding="utf-8"))))

    @cached_property
    def patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """Paths, those first that leave least open."""
        paths = sorted(self.document["paths"], key=lambda path: path.count("{"))
        return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in paths]

    def called(self, method: str, path: str) -> tuple[str, str] | None:
        """Method and path of a call in the document's words; None if there is no such one."""
        for pattern, known in self.patterns:
            if pattern.fullmatch(path) and method.lower() in self.document["paths"][known]:
                return known, method.lower()
        return None

    def call(self, method: str, path: str) -> Json | None:
        """What is said of a call; None if there is no such one."""
        found = self.called(method, path)
        return self.document["paths"][found[0]][found[1]] if found else None

    def differences(self, request: Mapping[str, Any]) -> list[str]:
        """What of an exchange GitHub wouldn't have taken, or wouldn't have answered."""
        address, status = urlsplit(request["path"]), request["status"]
        place = f"{request['method']} {address.path}, {status}"
        known = self.call(request["method"], address.path)
        if known is None:
            return [] if status in EVERYWHERE else [f"{place}: GitHub has no such call"]
        faults = [*self._asked(known, address.query, request["body"])] if status < 400 else []
        return [f"{place}: {fault}" for fault in [*faults, *self._answered(known, status, request["content"])]]

    def _asked(self, known: Json, query: str, body: Any) -> Iterator[str]:
        """What of a request that was taken doesn't fit."""
        named = {one["name"]: one for one in map(self.resolved, known.get("parameters", ())) if one["in"] == "query"}
        for name, value in parse_qsl(query):
            if name not in named:
                yield f"?{name}: GitHub knows no such parameter"
            else:
                yield from (f"?{name}{fault}" for fault in self.faults(*_of_text(named[name]["schema"], value)))
        about = self.resolved(known.get("requestBody", {}))
        schema = schema_of(about)
        if schema is not None and (body is not None or about.get("required")):
            yield from (f"body{fault}" for fault in self.faults(schema, {} if body is None else body))
        elif body is not None and "application/octet-stream" not in about.get("content", {}):
            yield "body: GitHub takes none"

    def _answered(self, known: Json, status: int, content: Any) -> Iterator[str]:
        if status >= BROKEN:
            return
        if str(status) not in known["responses"]:
            if status not in EVERYWHERE:
                yield f"GitHub documents {', '.join(known['responses'])} alone"
            return
        schema = schema_of(self.resolved(known["responses"][str(status)]))
        if schema is not None:
            yield from (f"answer{fault}" for fault in self.faults(schema, content))
        elif content is not None:
            yield "answer: GitHub's has no content"


def differing(found: Iterable[Iterable[str]]) -> list[str]:
    """Each difference once, whichever record and number it is of."""
    return sorted({re.sub(r"\[\d+\]", "[]", one) for some in found for one in some})


def _of_text(schema: Json, value: str) -> tuple[Json, Any]:
    """A parameter's schema, and its value as what the schema says it is."""
    if schema.get("type") in ("integer", "boolean"):
        return schema, json.loads(value) if re.fullmatch("-?[0-9]+|true|false", value) else value
    return schema, value


def schema_of(about: Json) -> Json | None:
    """The schema of what goes out or comes in as JSON; None where that is nothing."""
    return about.get("content", {}).get("application/json", {}).get("schema")


def _absolute(schema: Json) -> Json:
    """A schema that finds its document."""
    return json.loads(json.dumps(schema).replace('"$ref": "#', f'"$ref": "{HERE}#'))


def _nullable(thing: Any) -> Any:
    """OpenAPI's `nullable` in the words of JSON Schema."""
    if isinstance(thing, list):
        return [_nullable(one) for one in thing]
    if not isinstance(thing, dict):
        return thing
    made = {name: _nullable(one) for name, one in thing.items() if name not in ("example", "examples")}
    if made.pop("nullable", None) is not True:
        return made
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    if isinstance(made.get("type"), str):
        return {**made, "type": [made["type"], "null"]}
    return {"anyOf": [made, {"type": "null"}]}


def _told(error: ValidationError) -> Iterable[str]:
    """Where a value doesn't fit and why; of alternatives the one that fits best."""
    if error.context:
        least = min(error.context, key=lambda one: (one.validator == "type", -len(one.path)))
        branch = [one for one in error.context if one.schema_path[0] == least.schema_path[0]]
        for one in branch:
            yield from _told(one)
        return
    place = "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in error.absolute_path)
    yield f"{place}: {error.message[:160]}"
