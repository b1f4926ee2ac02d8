"""What was put where, by whom and why: the agent writes it beside the releases, for whoever shows it.

Imports stay light: the service reads it.
"""

from datetime import datetime

from mlops.contract import Record

FILE = "history.json"  # in the folder of releases: a list of assignments, the newest first
MOST = 20


class Assignment(Record, frozen=True):
    """One tag of the registry. `ended` says that the version left the stage, `bad` that it is marked bad by now."""

    stage: str
    number: int
    version: str
    at: datetime
    by: str
    reason: str
    bad: bool = False
    ended: bool = False
