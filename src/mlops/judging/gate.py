"""From what was found to a decision. Pure: the same comparison and limits give the same decision."""

from collections.abc import Sequence

from mlops.judging.record import VERSION, Comparison, Decision, Estimate, Facts, Ratio, Slice, Verdict

CALIBRATION = ("calibration_error", "bias")


def verdict(loss: Estimate, suspicions: Sequence[str]) -> Verdict:
    """What the interval of the loss says, unless it is too good to be true."""
    if suspicions or loss.low is None or loss.high is None:
        return "suspicious"
    if loss.high < 0:
        return "better"
    if loss.low > 0:
        return "worse"
    return "inconclusive"


def broken_guards(
    metrics: Sequence[Estimate],
    slices: Sequence[Slice],
    footprint: Sequence[Ratio],
    reproducible: bool,
    calibration_margin: float,
) -> list[str]:
    """Every guard that doesn't hold, in words."""
    broken = [
        f"{row.name} grows from {row.base:.3f} to {row.head:.3f}, by more than {calibration_margin:g} for sure"
        for row in metrics
        if row.name in CALIBRATION and row.low is not None and row.low > calibration_margin
    ]
    broken += [
        f"worse in slice {row.column} {row.value} ({row.rows:,} rows): loss {row.base:.3f} -> {row.head:.3f}"
        for row in slices
        if row.broken
    ]
    broken += [
        f"{row.name} is {row.head / row.base:.1f} times the base's ({row.limit:g} allowed)"
        for row in footprint
        if row.broken
    ]
    if not reproducible:
        broken.append(
            "training isn't reproducible: the same rows and seed gave two different models; "
            "set every random_state in src/problem/model.py from `seed`"
        )
    return broken


REFUSED: dict[Verdict, str] = {
    "worse": "the loss is higher, and the interval excludes zero",
    "suspicious": "too good to be true: look for an input that isn't known at prediction time",
    "incomparable": "one side can't be scored on the other's rows; the label `accept-incomparable` accepts it",
}
ACCEPTED: dict[Verdict, str] = {
    "better": "the loss is lower, and the interval excludes zero",
    "inconclusive": "no difference that this test could see",
    "unchanged": "no byte that reaches the model changed",
    "incomparable": "accepted by the label `accept-incomparable`",
}


def decide(verdict: Verdict, why: Sequence[str], broken: Sequence[str], accept_incomparable: bool = False) -> Decision:
    """Accept or refuse a pull request.

    Parameters
    ----------
    why
        What made the verdict suspicious or incomparable.
    broken
        Guards that don't hold, from `broken_guards`.
    """
    refused = verdict in REFUSED and not (verdict == "incomparable" and accept_incomparable)
    reasons = [REFUSED[verdict] if refused else ACCEPTED[verdict], *why, *broken]
    return Decision(accepted=not refused and not broken, reasons=[reason[:500] for reason in reasons][:100])


def after_merge(found: Comparison, margin: float) -> Decision:
    """Deploy a candidate, or leave the champion: the same guards, and not worse for sure by more than the margin.

    Parameters
    ----------
    margin
        Share of the champion's loss.
    """
    if found.verdict == "incomparable":
        return Decision(accepted=True, reasons=["a new major version, which a person must approve", *found.why])
    loss = next(iter(found.metrics), None)
    if loss is None or loss.base is None or loss.low is None or found.verdict == "suspicious":
        return found.decision
    reasons = [ACCEPTED.get(found.verdict, "worse by less than the margin allows"), *found.decision.reasons[1:]]
    if loss.low > margin * loss.base:
        reasons[0] = f"worse than the champion for sure by more than deploy.margin = {margin:.1%} of its loss"
        return Decision(accepted=False, reasons=reasons)
    return Decision(accepted=len(reasons) == 1, reasons=reasons)


def without_training(verdict: Verdict, facts: Facts, why: list[str]) -> Comparison:
    """The comparison where there is nothing to measure: `unchanged` or `incomparable`."""
    why = [reason[:500] for reason in why]
    return Comparison(
        version=VERSION,
        verdict=verdict,
        decision=decide(verdict, why, [], facts.accept_incomparable),
        base=facts.base,
        head=facts.head,
        changes=facts.changes,
        why=why,
    )
