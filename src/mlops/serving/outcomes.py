"""What truly happened, as it is reported: an id and a value of the target for each row."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mlops.contract import ModelInfo
from mlops.params import Serve
from mlops.serving import columns
from mlops.serving.refusal import Refused, explain
from mlops.serving.requests import Id, check_ids
from mlops.store import Outcome


class Outcomes:
    """Reads reports about the predictions of one model."""

    def __init__(self, info: ModelInfo, limits: Serve) -> None:
        value = columns.value_type(info.schema.columns[info.schema.target], strict=False)
        fields: Any = [("id", Id), ("value", value)]
        one: Any = msgspec.defstruct("Reported", fields, forbid_unknown_fields=True)
        body: Any = [("outcomes", Annotated[list[one], Meta(min_length=1, max_length=limits.max_rows)])]
        self._decoder: Any = msgspec.json.Decoder(msgspec.defstruct("Body", body, forbid_unknown_fields=True))
        self._classes = {label: label for label in info.classes}  # 1.0 is the class 1

    def read(self, body: bytes) -> list[Outcome]:
        """Parse and check.

        Raises
        ------
        Refused
            Names the first field that breaks a rule.
        """
        try:
            found = self._decoder.decode(body).outcomes
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise explain(error, ("outcomes", "id", "value")) from None
        check_ids([one.id for one in found], "outcomes[{}].id")
        for place, one in enumerate(found if self._classes else ()):
            if one.value not in self._classes:
                message = f"Expected a class, one of {', '.join(map(str, self._classes))}"
                raise Refused(422, f"outcomes[{place}].value", "category", message)
        now = datetime.now(UTC)
        return [Outcome(id=one.id, at=now, value=self._classes.get(one.value, one.value)) for one in found]
