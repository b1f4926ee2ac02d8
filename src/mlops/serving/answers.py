"""Rows in, predictions out: one version with all that answering takes, made before the first request."""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlops.artifact import Model
from mlops.contract import ModelInfo, Release
from mlops.params import Serve
from mlops.serving import openapi
from mlops.serving.outcomes import Outcomes
from mlops.serving.requests import Requests, Row
from mlops.store import Prediction, Role


class Asked(msgspec.Struct, frozen=True, gc=False):
    """The rows of a request as they are kept: masked, each with its id and its time; and as a model takes them."""

    ids: Sequence[str]
    rows: Sequence[Row]
    times: Sequence[datetime | None]
    tensors: dict[str, NDArray[Any]]

    def where(self, places: Sequence[int]) -> "Asked":
        """Some of the rows."""
        return Asked(
            [self.ids[place] for place in places],
            [self.rows[place] for place in places],
            [self.times[place] for place in places],
            {name: tensor[places] for name, tensor in self.tensors.items()},
        )

    @classmethod
    def joined(cls, parts: Sequence["Asked"]) -> "Asked":
        """The rows of several requests of one model."""
        return cls(
            [id for part in parts for id in part.ids],
            [row for part in parts for row in part.rows],
            [time for part in parts for time in part.times],
            {name: np.concatenate([part.tensors[name] for part in parts]) for name in parts[0].tensors},
        )


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

    def asked(self, rows: list[Row], ids: list[str] | None) -> Asked:
        """A request's rows, made ready once for whichever version answers them."""
        tensors, times = self.requests.feeds(rows), [self.requests.time(row) for row in rows]
        self.requests.mask(rows)
        return Asked(ids or [os.urandom(12).hex() for _ in rows], rows, times, tensors)

    def answer(self, asked: Asked, role: Role = "production") -> list[Prediction]:
        """What this version predicts, as it is kept."""
        predicted = self._session.run(None, asked.tensors)[0].reshape(len(asked.ids), -1).tolist()
        now, version = datetime.now(UTC), self.release.version
        return [
            Prediction(id=id, role=role, version=version, at=now, event_time=time, row=row, output=self._output(values))
            for id, time, row, values in zip(asked.ids, asked.times, asked.rows, predicted, strict=True)
        ]

    def _output(self, values: list[float]) -> dict[str, Any]:
        if self._classes:
            return {"probabilities": dict(zip(self._classes, values, strict=True))}
        return {"value": values[0]}


def told(kept: Iterable[Prediction]) -> list[dict[str, Any]]:
    """What the sender gets of it; the challenger's predictions say whose they are."""
    return [
        {"id": one.id, **one.output} if one.role == "production" else {"id": one.id, **one.output, "model": one.version}
        for one in kept
    ]
