"""The service's interface as OpenAPI 3.1, with the columns of the model that is served."""

from typing import Any

import msgspec

from mlops.contract import Column, ModelInfo, Release
from mlops.params import Serve
from mlops.serving import columns

TYPES = {"number": "number", "integer": "integer", "boolean": "boolean", "text": "string", "timestamp": "string"}
SOME_TIME = "2013-05-31T17:00:00Z"  # for the example, as golden rows have no times
ERRORS = {
    "400": "no JSON", "401": "no or a wrong bearer token", "413": "too large", "415": "not application/json",
    "422": "a field breaks a rule", "503": "no model is served yet, or the disk takes no predictions",
}  # fmt: skip
READS = {
    "/health/live": "Is the process alive?",
    "/health/ready": "Can it answer?",
    "/model": "Which version is served, and what does it take?",
}


def document(release: Release, info: ModelInfo, limits: Serve) -> dict[str, Any]:
    """What `/schema` answers."""
    answered = {"200": {"description": "Predictions", **_json("Answer")}, **_errors("400", "413", "415", "422")}
    noted = {"202": {"description": "Noted"}, **_errors("400", "413", "415", "422")}
    reads = {path: {"get": _operation(about, {"200": {"description": "Yes"}})} for path, about in READS.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Predictions of {info.schema.target}", "version": release.version},
        "paths": {
            "/predict": {"post": {**_operation("Predict rows", answered), "requestBody": _body("Request")}},
            "/outcomes": {"post": {**_operation("Say what truly happened", noted), "requestBody": _body("Outcomes")}},
            **reads,
        },
        "components": {
            "schemas": _schemas(info, limits),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def example(info: ModelInfo) -> dict[str, Any]:
    """A row that is accepted: the first golden one in range, with the columns that only requests have."""
    known = {name: column for name, column in info.schema.columns.items() if columns.used(column)}
    count = len(info.golden.predictions)
    golden = ({name: values[place] for name, values in info.golden.rows.items()} for place in range(count))
    checks = {name: check for name, column in known.items() if (check := columns.outside(column))}
    for row in golden:
        if not any(row.get(name) is not None and check(row[name]) for name, check in checks.items()):
            return {name: _value(column, row.get(name)) for name, column in known.items()}
    return {name: _value(column, None) for name, column in known.items()}


def _value(column: Column, golden: float | str | None) -> Any:
    """As JSON: golden rows have a float for each number."""
    if column.type == "timestamp":
        return SOME_TIME
    if golden is None and not column.missing:
        low, _ = columns.bounds(column)
        golden = (column.categories or ("text",))[0] if column.type == "text" else max(low, 0.0)
    if golden is None or column.type == "text":
        return golden
    return {"boolean": bool, "integer": int}.get(column.type, float)(golden)


def _schemas(info: ModelInfo, limits: Serve) -> dict[str, Any]:
    known = info.schema.columns
    strict = limits.out_of_range == "refuse"
    row = {
        "type": "object",
        "properties": {name: _property(column, strict) for name, column in known.items()},
        "required": [name for name, column in known.items() if columns.used(column) and not column.missing],
        "additionalProperties": False,
    }
    some = {"minItems": 1, "maxItems": limits.max_rows}
    ids = {"type": "array", "items": {"$ref": "#/components/schemas/Id"}, "description": "one a row, none twice"}
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}, **some}
    outcome = _object({"id": {"$ref": "#/components/schemas/Id"}, "value": _property(known[info.schema.target], False)})
    other = {"type": "string", "description": "the version that predicted it, where that is the challenger"}
    prediction = {"id": {"$ref": "#/components/schemas/Id"}, **_output(info), "model": other}
    answers = {"type": "array", "items": _object(prediction, "model")}
    error = _object({name: {"type": "string"} for name in ("field", "rule", "message")})
    return {
        "Row": row,
        "Id": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
        "Request": {**_object({"rows": rows, "ids": ids}, "ids"), "example": {"rows": [example(info)]}},
        "Answer": _object({"model": {"type": "string", "description": "the version served"}, "predictions": answers}),
        "Outcomes": _object({"outcomes": {"type": "array", "items": outcome, **some}}),
        "Error": _object({"error": error}),
    }  # fmt: skip


def _property(column: Column, strict: bool) -> dict[str, Any]:
    """A column. Where what is out of range is answered and counted, the range is told but no rule."""
    kind = TYPES[column.type]
    optional = column.missing or not columns.used(column)
    schema: dict[str, Any] = {"type": [kind, "null"] if optional else kind}
    if column.type == "timestamp":
        schema["format"] = "date-time"
    if column.type == "text" and not optional:
        schema["minLength"] = 1
    if kind in ("number", "integer"):
        schema |= {"minimum": -columns.LARGEST, "maximum": columns.LARGEST}
    rules: dict[str, Any] = {"minimum": column.low, "maximum": column.high}
    if column.categories:
        rules = {"enum": [*column.categories, *([None, ""] if optional else [])]}
    rules = {name: rule for name, rule in rules.items() if rule is not None}
    if strict and columns.used(column):
        schema |= rules
    usual = f"usual: {msgspec.json.encode(rules).decode()}" if rules and not strict else ""
    return schema | {"description": "; ".join(filter(None, (column.unit, ", ".join(column.roles), usual)))}


def _output(info: ModelInfo) -> dict[str, Any]:
    if not info.classes:
        return {"value": {"type": "number"}}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    return {"probabilities": _object({str(label): share for label in info.classes})}


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _operation(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": {**responses, **_errors("401", "503")}}


def _errors(*statuses: str) -> dict[str, Any]:
    return {status: {"description": ERRORS[status], **_json("Error")} for status in statuses}


def _body(schema: str) -> dict[str, Any]:
    return {"required": True, **_json(schema)}


def _json(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}
