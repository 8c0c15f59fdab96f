"""The result of a run, from what was found: at its end, and every few seconds until then."""

import os
import platform
from collections.abc import Iterator, Mapping
from math import inf
from typing import Final

import msgspec
import psutil

from harness.results.load import (
    Audit,
    GeneratorHealth,
    Judged,
    LoadSummary,
    LoadTarget,
    Machine,
)
from harness.target import Target
from loadtests.arrivals.capacity import Capacity, capacity, knee
from loadtests.control.drift import drift_notes
from loadtests.control.findings import Findings
from loadtests.control.rounds import anything_done, arrivals_of, rounds_of, steps_of
from loadtests.control.sentence import Told, sentence_of
from loadtests.control.verdict import limits_of_mail, verdict_of
from loadtests.figures.figures import Totals
from loadtests.figures.limits import judge, parse_limits
from loadtests.plan import Settings

__all__ = ["main_operation", "summary_of"]

# A step has whole arrivals, so that its rate differs a little from the one that the search names.
_SAME_RATE: Final = 0.001


def summary_of(findings: Findings, target: Target, now_s: float, *, finished: bool) -> LoadSummary:
    """The summary as it is now; `finished` says that it will not change any more."""
    plan, totals = findings.plan, findings.figures.total()
    rounds = rounds_of(findings)
    searched = capacity(plan.search, steps_of(findings)) if plan.search else None
    generator, saturated = _generator(findings, searched)
    audit = audit_of(findings, finished=finished)
    judged = _judge(findings, totals, audit, searched)
    if searched is None and len(rounds) > 1:
        judged += [one for each in rounds for one in each.slo]
    missing = ["the run goes on"] if not finished else list(_unfinished(findings, audit, searched))
    verdict = verdict_of(judged, saturated=saturated, unfinished=bool(missing))
    if verdict == "kept" and searched is not None and searched.per_s is None:
        verdict = "broken"
    arrivals = arrivals_of(findings, findings.phases, totals.sessions)
    drifts = drift_notes(rounds, plan.settings.parts, main_operation(findings, totals)) if finished else ()
    told = Told(
        target=target.name,
        verdict=verdict,
        arrivals=arrivals,
        judged=judged,
        audit=audit,
        generator=generator,
        capacity=searched,
        missing=missing,
    )
    return LoadSummary(
        scenario=plan.scenario,
        run=plan.run,
        seed=plan.seed,
        started_at=findings.started_at,
        wall_s=round(now_s - findings.began_s, 3),
        target=LoadTarget(
            name=target.name,
            endpoints={str(protocol): str(endpoint) for protocol, endpoint in target.endpoints.items()},
            software=plan.software,
            processes=findings.watch.uses(),
        ),
        machine=_machine(),
        settings=settings_of(plan.settings),
        command=plan.command,
        arrivals=arrivals,
        completed=totals.sessions.completed,
        errors=totals.errors,
        errors_by_operation=totals.errors_by_operation,
        latency_ms=totals.latency_ms,
        audit=audit,
        slo=judged,
        rounds=rounds,
        generator=generator,
        capacity_per_s=None if searched is None else searched.per_s,
        knee_per_s=_knee(findings, totals),
        verdict=verdict,
        sentence=sentence_of(told),
        notes=[
            *findings.notes,
            *drifts,
            *(f"{text} ({times} times)" for text, times in findings.faults.items()),
        ],
        evidence=[f"{word}: {shown}" for word, each in findings.evidence.items() for shown in each],
    )


def audit_of(findings: Findings, *, finished: bool) -> Audit:
    """What became of the mail; until the run is over nobody has counted."""
    settings = findings.plan.settings.audit
    if not finished:
        return Audit(
            done=False,
            why_not=findings.audit,
            owed=findings.book.owed,
            late_after_s=settings.late_after_s,
        )
    return findings.book.audit(
        unread=set(findings.unread),
        ended=set(findings.lost),
        why_not=findings.audit,
        waited_s=findings.waited_s,
        late_after_s=settings.late_after_s,
    )


def main_operation(findings: Findings, totals: Totals) -> str:
    """The operation that the first limit of a latency is about; without one, a message or else a session."""
    names = [name for name, one in totals.latencies.items() if one.count]
    limited = (limit.split()[0] for limit in findings.plan.settings.limits if limit.split())
    wanted = [*limited, *(name for name in names if name.endswith(".message")), *names]
    return next((name for name in wanted if name in names), "")


def settings_of(settings: Settings) -> dict[str, str]:
    """Each key of a profile, tables joined by dots, and its value as text."""
    found: dict[str, str] = {}

    def walk(name: str, value: object) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{name}.{key}" if name else str(key), inner)
        elif value is not None:
            found[name] = value if isinstance(value, str) else msgspec.json.encode(value).decode()

    walk("", msgspec.to_builtins(settings))
    return found


def _judge(findings: Findings, totals: Totals, audit: Audit, searched: Capacity | None) -> list[Judged]:
    """Every limit in the whole run; of a search those of the mail, and what the step showed that is its answer."""
    plan = findings.plan
    always = limits_of_mail(plan.settings.limits) if plan.settings.audit.enabled else []
    limits = parse_limits([*plan.settings.limits, *always])
    if searched is None:
        return [judge(limit, totals, audit) for limit in limits]
    # A rate that held once and then did not is no answer.
    most = inf if searched.per_s is None else searched.per_s * (1 + _SAME_RATE)
    held = [one for one in rounds_of(findings) if one.kept and one.arrivals.asked_per_s <= most]
    best = max(held, key=lambda one: one.arrivals.asked_per_s).slo if held else []
    return [*(judge(limit, totals, audit) for limit in limits if limit.of_audit), *best]


def _unfinished(findings: Findings, audit: Audit, searched: Capacity | None) -> Iterator[str]:
    """What keeps the run from being whole, in words."""
    if findings.refused is not None:
        yield findings.refused.problem
    if findings.stopped:
        yield findings.stopped
    if findings.faults:
        yield "the generator failed in part: " + next(iter(findings.faults))
    if findings.plan.settings.audit.enabled and audit.why_not:
        yield audit.why_not
    elif findings.plan.settings.audit.enabled and audit.undecided:
        yield f"{audit.undecided:,} deliveries could not be looked for"
    if not anything_done(findings.figures.total()):
        yield "no session came to its end without an error"
    if searched is not None and not searched.settled:
        yield f"the search did not come to its end ({searched.reason})"


def _generator(findings: Findings, searched: Capacity | None) -> tuple[GeneratorHealth, bool]:
    """The generator's health, and whether it was the limit: in the whole, or in a round that is judged by itself."""
    health = findings.health.judge(findings.figures)
    if searched is not None:
        return health, searched.per_s is None and "generator" in searched.reason
    slow = [one.label for one in rounds_of(findings) if one.saturated]
    if slow and not health.saturated:
        reasons = [f"in {label}" for label in slow]
        health = msgspec.structs.replace(health, saturated=True, reasons=[*health.reasons, *reasons])
    return health, health.saturated


def _knee(findings: Findings, totals: Totals) -> float | None:
    if findings.plan.search is None:
        return None
    operation = main_operation(findings, totals)
    return knee(
        [
            (one.arrivals.asked_per_s, one.latency_ms[operation].p95)
            for one in rounds_of(findings)
            if operation in one.latency_ms and one.latency_ms[operation].count
        ]
    )


def _machine() -> Machine:
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        cores=os.cpu_count() or 1,
        memory_octets=psutil.virtual_memory().total,
    )
