"""What the service would have stored of rows whose outcomes are known, without the way through HTTP."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from mlops.artifact import Model
from mlops.store import Outcome, Prediction, Role, Store


def store(
    url: str, rows: pd.DataFrame, model: Model, version: str = "v1.0.0", known: Sequence[bool] | None = None,
    prefix: str = "", role: Role = "production",
) -> None:  # fmt: skip
    """Add predictions of `rows` by `model`, and the outcomes of those that are `known` (default: all)."""
    schema, now = model.info.schema, datetime.now(UTC)
    names = [name for name in rows if not {"ignored", "target", "time"} & set(schema.columns[str(name)].roles)]
    values = rows[names].astype(object)
    sent: list[dict[str, Any]] = values.where(values.notna(), None).to_dict("records")  # type: ignore[assignment]
    times = [time.to_pydatetime() for time in rows[schema.time]] if schema.time else [None] * len(rows)
    if schema.time:
        sent = [{schema.time: time, **row} for time, row in zip(times, sent, strict=True)]
    labels = [str(label) for label in model.info.classes]
    outputs = [{"probabilities": dict(zip(labels, line, strict=True))} for line in model.predict(rows).tolist()]
    predictions = [
        Prediction(
            id=f"{prefix}{i}", role=role, version=version, at=now, event_time=times[i], row=sent[i], output=output
        )
        for i, output in enumerate(outputs)
    ]
    outcomes = [
        Outcome(id=f"{prefix}{i}", at=now, value=int(value))
        for i, value in enumerate(rows[schema.target])
        if known is None or known[i]
    ]
    Store.connect(url).add(predictions, outcomes)
