"""Tell the owner, wherever ALERT_URLS say: mail, Slack, Teams, SMS, a webhook; whatever apprise knows.

One alert a cause and day and place, never the same twice: the store remembers what was delivered. What couldn't be
delivered isn't remembered, so the next check tries again.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import apprise

from mlops.contract import BadInput
from mlops.store import Store
from mlops.watching import decision, summary
from mlops.watching.record import Monitor

WATCHED = "/src/mlops/watching/"


@dataclass(frozen=True)
class Alert:
    """`cause` is what makes it one: what happened to which column, or that the model is worse or has drifted."""

    cause: str
    title: str
    body: str


def of(found: Monitor, page: str = "") -> list[Alert]:
    """One a fault and column; drift of any number of columns is one cause, and a worse loss is one.

    `page` is the address where all of it can be seen.
    """
    causes: dict[str, list[str]] = {}
    if found.performance and found.performance.worse:
        causes["worse"] = [reason for reason in found.decision.reasons if reason.startswith("loss ")]
    for finding in found.alarms:
        fault = decision.is_fault(finding, found.findings)
        causes.setdefault(f"{finding.kind} {finding.column}" if fault else "drift", []).append(finding.text)
    end = "\n".join(["", summary.basis(found), *([page] if page else [])])
    decided = summary.TITLES[found.decision.action].lower()
    return [
        Alert(cause, f"{cause}: {decided}", "\n".join([*(f"- {text}" for text in texts), end]))
        for cause, texts in causes.items()
    ]


def deliver(alerts: list[Alert], urls: str, day: str, store: Store | None) -> list[str]:
    """Send what wasn't sent today; returns a line for each that couldn't be delivered.

    Parameters
    ----------
    urls
        Addresses as apprise knows them, separated by white space.
    store
        Remembers what was sent; without one, everything is sent.
    """
    told, failed = store.told(day) if store else set(), []
    for number, url in enumerate(urls.split(), 1):
        place = hashlib.sha256(url.encode()).hexdigest()[:16]  # an address may hold a password
        for alert in alerts:
            if (alert.cause, place) in told:
                continue
            if not _send(url, number, alert):
                failed.append(
                    f"alert '{alert.title}': address {number} of ALERT_URLS didn't take it; tried again later"
                )
            elif store:
                store.tell(day, alert.cause, place)
    return failed


def _send(url: str, number: int, alert: Alert) -> bool:
    place = apprise.Apprise()
    if not place.add(url):
        raise BadInput(f"ALERT_URLS: address {number} is none that apprise knows; see https://appriseit.com/services")
    return bool(place.notify(title=alert.title, body=alert.body, body_format=apprise.NotifyFormat.TEXT))


def owner(named: str, codeowners: Path) -> str:
    """Who is named in alerts: by params.yaml, or the last line of CODEOWNERS that covers this room.

    Raises
    ------
    BadInput
        Nobody is: an alert without an owner is nobody's.
    """
    if named:
        return named
    text = codeowners.read_text(encoding="utf-8") if codeowners.exists() else ""
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    owners = [words[1:] for words in lines if len(words) > 1 and _covers(words[0])]
    if not owners:
        raise BadInput("params.yaml: monitor.owner is empty; .github/CODEOWNERS names nobody for src/mlops/watching")
    return " ".join(owners[-1])


def _covers(pattern: str) -> bool:
    """Does a pattern of CODEOWNERS (a folder, or everything) cover this room?"""
    folder = re.sub(r"\*+$", "", pattern).lstrip("/")
    return WATCHED.lstrip("/").startswith(folder)
