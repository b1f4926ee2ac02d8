"""Why a request is refused, as the one who sent it sees it: field, rule and message."""

import re
from collections.abc import Sequence

import msgspec

RULES = (  # how msgspec's messages begin, the word for what is broken, and better words where there are
    (r"Object missing required field `(.*)`", "required", "is required"),
    (r"Object contains unknown field `(.*)`", "unknown", "isn't known; known are KNOWN"),
    (r"Expected `\w+` that's a multiple of", "type", "Expected an integer"),
    (r"Expected `\w+` of length", "length", None),
    (r"Expected `\w+` matching regex", "format", "Expected 1 to 64 letters, digits and any of . _ : -"),
    (r"Expected `\w+` [<>]=|.*out of range", "range", None),
    (r"Invalid RFC3339", "format", "Expected a time such as 2013-05-31T17:00:00Z"),
    (r"Invalid enum value", "category", None),
    (r"Expected", "type", None),
)


class Refused(Exception):
    """A request that gets no answer.

    Parameters
    ----------
    status
        Of HTTP: 4xx for what the sender must mend; 503 where the service can't help it.
    field
        Where in the request, such as ``rows[3].temp``, or the header.
    rule
        What it breaks, in one word.
    """

    def __init__(self, status: int, field: str, rule: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.rule = rule

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"error": {"field": self.field, "rule": self.rule, "message": str(self)}})


def explain(error: Exception, columns: Sequence[str] = ()) -> Refused:
    """What msgspec found wrong with a body; `columns` are the known ones."""
    if not isinstance(error, msgspec.ValidationError):
        return Refused(400, "", "json", f"not valid JSON: {error}")
    reason, _, path = str(error).partition(" - at `$")
    field = path.removesuffix("`").removeprefix(".")
    for pattern, rule, wording in RULES:
        found = re.match(pattern, reason)
        if found:
            known = ", ".join(columns if field else ("rows", "ids"))
            message = (wording or reason.replace("`float", "`number")).replace("`", "").replace("KNOWN", known)
            return Refused(422, ".".join(filter(None, (field, *found.groups()))), rule, message)
    return Refused(422, field, "value", reason)
