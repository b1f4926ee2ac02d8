"""Findings -> nothing, look into the data, or retrain. A pure function; its reasons are what people read first."""

from collections.abc import Sequence

from mlops.watching import quality
from mlops.watching.record import Decision, Finding, Performance, Window

MOST_REASONS = 20


def decide(
    window: Window,
    findings: Sequence[Finding],
    performance: Performance | None,
    strong: float,
    too_few: str = "",
) -> Decision:
    """What to do about a window.

    A fault of the data comes first: retraining on faulty rows would learn the fault. Without one, a model that became
    measurably worse is trained again, and so is one whose inputs are far from those that it knows. Drift that does no
    measurable harm is told, and nothing more.

    Parameters
    ----------
    strong
        Drift this many times above its level needs no outcomes to call for retraining.
    too_few
        Why nothing could be checked, where that is so.
    """
    when = f"{window.start} to {window.end}"
    alarms = [finding for finding in findings if finding.alarms]
    faults = [finding for finding in alarms if is_fault(finding, findings)]
    drifted = [finding for finding in alarms if finding not in faults]
    told = [f"{finding.text} ({when})" for finding in [*faults, *drifted]][:MOST_REASONS]
    loss = [_loss(performance, when)] if performance else []
    if faults:
        return Decision(action="investigate", reasons=[*told, *loss])
    if too_few:
        return Decision(action="none", reasons=[too_few])
    if performance and performance.worse:
        return Decision(action="retrain", reasons=[*loss, *(told or ["no input drifted: what they mean did"])])
    if any(finding.ratio >= strong for finding in drifted):
        far = f"drift is at least {strong:g} times above its level, and no fault of the data explains it"
        return Decision(action="retrain", reasons=[far, *told, *loss])
    if drifted and performance:
        return Decision(action="none", reasons=["inputs drifted, and the model isn't measurably worse", *told, *loss])
    if drifted:
        return Decision(action="investigate", reasons=[*told, "too few outcomes are known to say whether it harms"])
    return Decision(action="none", reasons=loss or [f"nothing unusual in {window.rows} predictions ({when})"])


def is_fault(finding: Finding, findings: Sequence[Finding]) -> bool:
    """Is it the data's fault rather than the world's?

    Two numbers that left their relation, as swapped ones do, moved less by themselves; in another season both move more
    than their relation does.
    """
    if finding.kind != "relation":
        return finding.kind in (*quality.KINDS, "silence")
    both = finding.column.split(" and ")
    alone = [other.ratio for other in findings if other.kind == "drift" and other.column in both]
    return finding.ratio > max(alone, default=0)


def _loss(found: Performance, when: str) -> str:
    state = "worse" if found.worse else "not measurably worse"
    return (
        f"loss {found.loss:.4f}, {state} than the {found.released:.4f} of the test at release: difference "
        f"{found.difference:+.4f}, between {found.low:+.4f} and {found.high:+.4f}, {found.outcomes} outcomes ({when})"
    )
