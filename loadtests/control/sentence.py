"""The answer of a run in one sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.results.load import Arrivals, Audit, GeneratorHealth, Judged
from loadtests.arrivals.capacity import Capacity
from loadtests.control.verdict import Verdict
from loadtests.figures.limits import Limit

__all__ = ["Told", "sentence_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the sentence is made of; `missing` says what keeps the run from being whole."""

    target: str
    verdict: Verdict
    arrivals: Arrivals
    judged: Sequence[Judged]
    audit: Audit
    generator: GeneratorHealth
    capacity: Capacity | None
    missing: Sequence[str]

    @property
    def says_why_no_audit(self) -> bool:
        """Only of an unfinished run it is said what is missing."""
        return self.verdict == "unfinished" and self.audit.why_not in self.missing


def sentence_of(told: Told) -> str:
    """What the run says, for people."""
    return f"{_BEGINNINGS[told.verdict](told)}; {_mail(told)}."


def _kept(told: Told) -> str:
    if told.capacity is not None and told.capacity.per_s is not None:
        least = "at least " if told.capacity.at_least else ""
        return (
            f"{told.target} carries {least}{told.capacity.per_s:.4g} sessions a second"
            f" within the limits ({told.capacity.reason})"
        )
    limits = "within every limit" if told.judged else "and no limit was set"
    return f"{told.target} carried {_rate(told.arrivals)} {limits}"


def _broken(told: Told) -> str:
    broken = [one for one in told.judged if one.kept is False]
    reasons = [_limit(one) for one in broken[:3]]
    if len(broken) > len(reasons):
        reasons.append(f"and {len(broken) - len(reasons)} more")
    if told.capacity is not None and told.capacity.per_s is None:
        reasons.append(told.capacity.reason)
    return f"{told.target} did not hold at {_rate(told.arrivals)}: {', '.join(reasons)}"


def _saturated(told: Told) -> str:
    reasons = ", ".join(told.generator.reasons)
    return (
        f"the generator, and not {told.target}, was the limit at {_rate(told.arrivals)}"
        f"{f' ({reasons})' if reasons else ''}"
    )


def _unfinished(told: Told) -> str:
    unmeasured = [
        one.rule
        for one in told.judged
        if one.kept is None and not (told.says_why_no_audit and Limit.parse(one.rule).of_audit)
    ]
    reasons = [*told.missing, *(f"nothing was measured for {rule}" for rule in unmeasured[:3])]
    return f"not finished: {', '.join(dict.fromkeys(reasons))}"


_BEGINNINGS = {
    "kept": _kept,
    "broken": _broken,
    "generator saturated": _saturated,
    "unfinished": _unfinished,
}


def _rate(arrivals: Arrivals) -> str:
    if arrivals.mode == "closed":
        rate = f", who began {arrivals.made_per_s:.4g} sessions a second," if arrivals.made else ""
        return f"{arrivals.users} users{rate}"
    return f"{arrivals.made_per_s:.4g} sessions a second"


def _limit(one: Judged) -> str:
    where = f" at {one.round}" if one.round else ""
    value = "" if one.value is None else f" (was {one.value:.4g})"
    return f"{one.rule}{where}{value}"


def _mail(told: Told) -> str:
    audit = told.audit
    if not audit.done:
        why = "" if told.says_why_no_audit else f" ({audit.why_not})"
        return f"nobody looked for the mail{why}"
    if not audit.owed:
        return "no message was accepted"
    return f"of {audit.owed:,} accepted deliveries {', '.join(_counts(audit))}"


def _counts(audit: Audit) -> Iterator[str]:
    counts = {
        "were found once": audit.found_once,
        "were lost": audit.lost,
        "were found more than once": audit.duplicated,
        "were damaged": audit.corrupted,
        "came to the wrong mailbox": audit.misdelivered,
        "could not be looked for": audit.undecided,
    }
    if audit.found_once == audit.owed:
        yield "each was found exactly once"
    else:
        yield from (f"{count:,} {what}" for what, count in counts.items() if count)
