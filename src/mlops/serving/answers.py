"""Rows in, predictions out: one version with all that answering takes, made before the first request."""

import os
from datetime import UTC, datetime
from typing import Any

from mlops.artifact import Model
from mlops.contract import ModelInfo, Release
from mlops.params import Serve
from mlops.serving import openapi
from mlops.serving.outcomes import Outcomes
from mlops.serving.requests import Requests, Row
from mlops.store import Prediction


class Served(Model):
    """A model with its release; never changes."""

    def __init__(self, release: Release, graph: bytes, info: ModelInfo, limits: Serve) -> None:
        super().__init__(graph, info)
        self.release = release
        self.requests = Requests(info.schema, limits)
        self.outcomes = Outcomes(info, limits)
        self.openapi = openapi.document(release, info, limits)
        self.description = {
            "version": release.version, "commit": release.commit, "task": info.task, "classes": info.classes,
            "target": info.schema.target, "inputs": {name: info.schema.columns[name] for name in info.schema.inputs},
            "schema": info.schema, "rows": info.rows, "data": info.data, "settings": info.settings,
            "libraries": info.libraries,
        }  # fmt: skip
        self._classes = [str(label) for label in info.classes]

    def answer(self, rows: list[Row], ids: list[str] | None) -> tuple[list[dict[str, Any]], list[Prediction]]:
        """What the sender gets, and what is kept of it."""
        predicted = self._session.run(None, self.requests.feeds(rows))[0].reshape(len(rows), -1).tolist()
        outputs = [self._output(values) for values in predicted]
        known = ids or [os.urandom(12).hex() for _ in rows]
        now, version = datetime.now(UTC), self.release.version
        times = [self.requests.time(row) for row in rows]
        self.requests.mask(rows)
        kept = [
            Prediction(id=id, version=version, at=now, event_time=time, row=row, output=output)
            for id, time, row, output in zip(known, times, rows, outputs, strict=True)
        ]
        return [{"id": id, **output} for id, output in zip(known, outputs, strict=True)], kept

    def _output(self, values: list[float]) -> dict[str, Any]:
        if self._classes:
            return {"probabilities": dict(zip(self._classes, values, strict=True))}
        return {"value": values[0]}
