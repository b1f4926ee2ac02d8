"""A check as Markdown, for the summary of a workflow's run and for the pull request that it may start."""

from mlops.watching.record import Challenger, Finding, Monitor

TITLES = {"none": "Nothing to do", "investigate": "Look into the data", "retrain": "Retrain"}
MOST = 12


def render(found: Monitor) -> str:
    """Decision and reasons first, then how unusual everything was, then the loss by day."""
    lines = [f"### {TITLES[found.decision.action]}", "", *(f"- {reason}" for reason in found.decision.reasons), ""]
    if found.window:
        lines += [basis(found), ""]
    if found.challenger:
        lines += [rival(found.challenger), ""]
    if found.findings:
        lines += ["| what | column | size | alarm above | times |", "|---|---|--:|--:|--:|"]
        lines += [_row(finding) for finding in found.findings[:MOST]] + [""]
    known = [day for day in found.days if day.loss is not None]
    if known:
        lines += ["| day | predictions | outcomes | loss |", "|---|--:|--:|---|"]
        lines += [
            f"| {day.day} | {day.rows} | {day.outcomes} | {day.loss:.3f} ({day.low:.3f} to {day.high:.3f}) |"
            for day in known
        ]
    return "\n".join(lines).rstrip() + "\n"


def basis(found: Monitor) -> str:
    """On what it rests, in a sentence or two."""
    window, rests = found.window, found.basis
    if window is None:
        return ""
    text = f"{window.rows} predictions of {window.model}, {window.start} to {window.end}"
    text += f" ({window.others} more by other versions)." if window.others else "."
    if rests:
        text += (
            f" Levels: {rests.windows:.0f} windows of {rests.days} days of its {rests.rows} training rows; "
            f"{rests.false_alarms:.0%} of ordinary windows may alarm."
        )
    return f"{text} Owner: {found.owner}."


def rival(found: Challenger) -> str:
    """How the challenger does, in a line."""
    rests = f"{found.rows} outcomes in {found.blocks} blocks of days"
    if found.difference is None:
        return f"Challenger {found.version} in {found.mode}: not enough to compare, {rests}."
    return (
        f"Challenger {found.version} in {found.mode}: {found.verdict}, loss {found.champion:.4f} -> "
        f"{found.challenger:.4f} ({found.difference:+.4f}, between {found.low:+.4f} and {found.high:+.4f}), {rests}."
    )


def _row(finding: Finding) -> str:
    times = f"**{finding.ratio:.1f}**" if finding.alarms else f"{finding.ratio:.1f}"
    size, level = (f"{value:.3g}" for value in (finding.size, finding.level))
    return f"| {finding.kind} | {finding.column} | {size} | {level} | {times} |"
