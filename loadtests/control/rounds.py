"""One phase, judged by itself: a share of the claimed load, or a step of a search."""

from collections.abc import Iterator
from math import sqrt
from typing import Final

from harness.results.load import Arrivals, Judged, Round
from loadtests.arrivals.capacity import Outcome, Step
from loadtests.control.findings import Findings, PhaseRecord
from loadtests.figures.figures import Totals
from loadtests.figures.limits import judge, parse_limits
from loadtests.figures.tally import Sessions

__all__ = ["anything_done", "arrivals_of", "round_of", "rounds_of", "steps_of"]

# Ours: ten times what a timer of the event loop is late by on a quiet machine, and less than people notice.
LATE_AFTER_MS: Final = 10.0

# Ours: a step of a search holds its rate where so much of it was made. Arrivals come at their moment whatever the
# server does, so less means that they waited for a free session.
MADE_SHARE: Final = 0.98

# Ours: from the third quarter of a step to the last the sessions under way may grow by this share of the arrivals,
# and by three standard deviations of what they vary by anyway. One that is too slow lets them grow by all it lacks.
GROWTH_SHARE: Final = 0.02


def round_of(findings: Findings, record: PhaseRecord) -> Round:
    """What a phase shows. Limits of the audit belong to the whole run and are not judged here."""
    number, label = record.phase.number, record.phase.label
    totals = findings.figures.total(number)
    arrivals = arrivals_of(findings, [record], totals.sessions)
    limits = [limit for limit in parse_limits(findings.plan.settings.limits) if not limit.of_audit]
    judged = [judge(limit, totals, label=label) for limit in limits]
    if findings.plan.search is not None:
        judged += _held(record, arrivals)
    return Round(
        label=label,
        arrivals=arrivals,
        completed=totals.sessions.completed,
        errors=totals.errors,
        latency_ms=totals.latency_ms,
        slo=judged,
        saturated=findings.health.judge(findings.figures, number).saturated,
        kept=anything_done(totals) and all(one.kept for one in judged),
    )


def anything_done(totals: Totals) -> bool:
    """Something came to its end without an error: a session or, of users who only have tasks, an operation."""
    if totals.sessions.begun:
        return totals.sessions.completed > 0
    return any(one.count for one in totals.latencies.values())


def rounds_of(findings: Findings) -> list[Round]:
    """The phases that are over."""
    return [record.judged for record in findings.phases if record.judged is not None]


def steps_of(findings: Findings) -> list[Step]:
    """What they say in a search. A generator that was slow and did not stand in the way is no matter."""
    return [
        Step(
            one.arrivals.asked_per_s,
            Outcome.KEPT if one.kept else Outcome.SATURATED if one.saturated else Outcome.BROKEN,
        )
        for one in rounds_of(findings)
    ]


def arrivals_of(findings: Findings, records: list[PhaseRecord], sessions: Sessions) -> Arrivals:
    """What was asked for in these phases, and what was made."""
    closed = findings.plan.mode == "closed"
    counted_s = sum(record.phase.counted_s(record.ended_s) for record in records)
    asked_s = sum(record.phase.counted_s(record.phase.ends_s) for record in records)
    planned = sessions.begun if closed else sum(record.phase.planned or 0 for record in records)
    return Arrivals(
        mode=findings.plan.mode,
        asked_per_s=0.0 if closed or not asked_s else planned / asked_s,
        made_per_s=sessions.begun / counted_s if counted_s else 0.0,
        planned=planned,
        made=sessions.begun,
        late=sessions.late,
        late_after_ms=LATE_AFTER_MS,
        worst_late_ms=sessions.worst_late_ms,
        given_up=sum(record.given_up for record in records),
        users=findings.plan.users if closed else 0,
    )


def _held(record: PhaseRecord, arrivals: Arrivals) -> Iterator[Judged]:
    """Whether a step's rate was made and carried."""
    label = record.phase.label
    made = arrivals.made / arrivals.planned if arrivals.planned else 0.0
    yield Judged(
        rule=f"sessions begun >= {MADE_SHARE:.0%} of those asked for",
        value=100 * made,
        kept=made >= MADE_SHARE,
        round=label,
    )
    third, last = record.backlogs
    if third is None or last is None:
        return
    allowed = GROWTH_SHARE * arrivals.planned / 4 + 3 * sqrt(max(third, last, 1))
    yield Judged(
        rule=f"sessions under way grow by less than {GROWTH_SHARE:.0%} of those that arrive",
        value=400 * (last - third) / arrivals.planned,
        kept=last - third <= allowed,
        round=label,
        note=f"{third} at the least in the third quarter of the step, {last} in the last",
    )
