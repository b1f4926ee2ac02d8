"""A client that asks a service again and again, and counts which version answered; for the demo."""

import threading
from collections import Counter
from types import TracebackType
from typing import Any

import requests

PAUSE = 0.05  # seconds between two requests: often enough to see a gap, and the machine is left to the workflows
PATIENCE = 60.0  # seconds; ends a hang


class Client(threading.Thread):
    """Asks from the start of the block to its end; `answers` counts by version, `failed` what got no answer."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        described = requests.get(f"{url}/schema", timeout=PATIENCE).json()
        self.url, self.body = url, described["components"]["schemas"]["Request"]["example"]
        self.answers: Counter[str] = Counter()
        self.failed: list[str] = []
        self.latest = ""
        self._ended = threading.Event()

    def run(self) -> None:
        with requests.Session() as session:
            while not self._ended.wait(PAUSE):
                self._ask(session)

    def _ask(self, session: requests.Session) -> None:
        try:
            answer = session.post(f"{self.url}/predict", json=self.body, timeout=PATIENCE)
            answer.raise_for_status()
            content: dict[str, Any] = answer.json()
            self.latest = content["model"]
            self.answers[self.latest] += 1
        except requests.RequestException as error:
            self.failed.append(str(error))

    def told(self) -> str:
        """In words, and start counting anew."""
        counted = ", ".join(f"{count:,} by {version}" for version, count in sorted(self.answers.items()))
        text = f"Meanwhile {sum(self.answers.values()):,} requests were answered ({counted}), {len(self.failed)} failed"
        self.answers.clear()
        return text

    def __enter__(self) -> "Client":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.join()
