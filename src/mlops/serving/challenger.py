"""The challenger beside the served version: follows `releases`/challenger.json, and takes its share of the rows."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from mlops.challenge import FILE, Challenge, obstacle
from mlops.contract import BadInput, decode
from mlops.serving.answers import Asked, Served
from mlops.serving.current import Current, read
from mlops.serving.logs import log
from mlops.store import Prediction


def fraction(id: str) -> float:
    """A number in [0, 1) that is always the same for an id, and uniform over ids."""
    return int.from_bytes(blake2b(id.encode(), digest_size=6).digest()) / 2**48


@dataclass(frozen=True)
class Rival:
    """A challenger that can answer the requests of `champion`."""

    champion: Served
    served: Served
    challenge: Challenge

    def share(self, asked: Asked) -> list[int]:
        """Places of the rows that are its own."""
        return [place for place, id in enumerate(asked.ids) if fraction(id) < self.challenge.share]

    def score(self, asked: Asked) -> list[Prediction]:
        """What it would have answered."""
        places = self.share(asked)
        return self.served.answer(asked.where(places), "challenger") if places else []

    def split(self, asked: Asked, failed: Callable[["Rival", Exception, int], None]) -> list[Prediction]:
        """Its share by the challenger, the rest by the champion, which has all where the challenger fails."""
        theirs: list[Prediction] = []
        try:
            theirs = self.score(asked)
        except Exception as error:  # onnxruntime raises what it likes
            failed(self, error, len(self.share(asked)))
        kept = {one.id: one for one in theirs}
        own = [place for place, id in enumerate(asked.ids) if id not in kept]
        kept |= {one.id: one for one in self.champion.answer(asked.where(own))} if own else {}
        return [kept[id] for id in asked.ids]


class Challenger(Current):
    """Holds the rival of what `current` serves; none where nobody challenges it, or who does can't be tried on it."""

    role = "challenger"

    def __init__(
        self, releases: Path, load: Callable[[Path], Served], failed: Callable[[], None], champion: Current
    ) -> None:
        super().__init__(releases, load, failed)
        self.rival: Rival | None = None
        self._file, self._champion, self._fault = releases / FILE, champion, ""
        self._wanted: Challenge | None = None

    def look(self) -> None:
        """Bring the rival in line with the file, and with the champion."""
        champion, fault = self._champion.served, ""
        try:
            wanted = decode(Challenge, read(self._file), str(self._file)) if self._file.exists() else None
            if champion is None or wanted is None or wanted.version == champion.release.version:
                self._wanted = self.served = self.rival = None
            else:
                self._wanted = wanted
                super().look()
                self.rival = self._rival(champion, wanted)
        except BadInput as error:
            self.rival, fault = None, str(error)
        if fault and fault != self._fault:
            log("error", "challenger refused", reason=fault)
        self._fault = fault

    def _named(self) -> str | None:
        return self._wanted.version if self._wanted else None

    def _rival(self, champion: Served, wanted: Challenge) -> Rival | None:
        if self.served is None or self.served.release.version != wanted.version:
            return None
        rival = Rival(champion, self.served, wanted)
        if rival == self.rival:
            return self.rival
        problem = obstacle(champion.info, self.served.info)
        if problem:
            raise BadInput(f"{wanted.version} can't answer the requests of {champion.release.version}: {problem}")
        return rival
