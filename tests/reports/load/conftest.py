"""Load runs as a queue of servers makes them: clean, broken, saturated, a search, empty, closed, huge and hostile."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapreplace
from math import ceil
from pathlib import Path
from typing import NamedTuple

import pytest
from hdrh.histogram import HdrHistogram
from msgspec.structs import replace

from harness.results.load import (
    Arrivals,
    Audit,
    GeneratorHealth,
    Histograms,
    Interval,
    Judged,
    Latency,
    LoadSummary,
    LoadTarget,
    Machine,
    OperationInterval,
    ProcessUse,
    Round,
    Series,
    WorkerHealth,
)
from harness.results.load_store import LoadRun

# What a server would say to run in a reader's browser or terminal.
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b[31m\u202e'\"&"

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}
MESSAGE, CONNECT, DATA, SESSION = "smtp.message", "smtp.connect", "smtp.data", "smtp.session"
FETCH = "imap.fetch"


class Session(NamedTuple):
    """One simulated session: seconds into the run, and operation -> milliseconds; an error ends it."""

    due_s: float
    ended_s: float
    operations: dict[str, float]
    error: tuple[str, str] | None = None


def latency(samples: Sequence[float]) -> Latency:
    """Exact percentiles of samples in milliseconds."""
    if not samples:
        return Latency(count=0)
    ordered = sorted(samples)
    ranks = {name: ordered[ceil(q * len(ordered)) - 1] for name, q in QUANTILES.items()}
    return Latency(count=len(ordered), **ranks, max=ordered[-1])


def arrivals(rate_per_s: float, duration_s: float, seed: int) -> list[float]:
    """A Poisson schedule."""
    rng, at, due = random.Random(seed), 0.0, []
    while (at := at + rng.expovariate(rate_per_s)) < duration_s:
        due.append(at)
    return due


def served(
    due: Iterable[float],
    *,
    seed: int = 1,
    service_ms: float = 40.0,
    servers: int = 4,
    frozen_s: tuple[float, float] = (0.0, 0.0),
    errors: Mapping[str, float] | None = None,
) -> list[Session]:
    """What a target of so many servers makes of a schedule; between `frozen_s` it answers nobody."""
    rng = random.Random(seed)
    free = [0.0] * servers
    sessions = []
    for at in due:
        service_s = rng.lognormvariate(0.0, 0.45) * service_ms / 1000
        begins = max(at, free[0])
        if frozen_s[0] <= begins < frozen_s[1]:
            begins = frozen_s[1]
        ended = begins + service_s
        heapreplace(free, ended)
        waited_ms = round(1000 * (begins - at) + rng.uniform(0.2, 1.1), 3)
        error = next((name for name, part in (errors or {}).items() if rng.random() < part), None)
        message_ms = round(waited_ms + 1000 * service_s, 3)
        parts = {CONNECT: waited_ms}
        if error is None:
            parts |= {
                DATA: round(600 * service_s, 3),
                MESSAGE: message_ms,
                SESSION: round(message_ms + 0.4, 3),
            }
            if rng.random() < 0.5:
                parts[FETCH] = round(rng.lognormvariate(1.2, 0.8), 3)
        failed = (MESSAGE, error) if error else None
        sessions.append(Session(at, ended, parts, failed))
    return sessions


def series(sessions: Sequence[Session], interval_s: float = 1.0) -> Series:
    """The run over time, by when things ended."""
    if not sessions:
        return Series(interval_s=interval_s, intervals=[])
    last = int(max(session.ended_s for session in sessions) / interval_s)
    due, completed, failed = Counter[int](), Counter[int](), Counter[int]()
    errors: dict[int, Counter[str]] = defaultdict(Counter)
    failures: Counter[tuple[int, str]] = Counter()
    samples: dict[tuple[int, str], list[float]] = defaultdict(list)
    for session in sessions:
        end = int(session.ended_s / interval_s)
        due[int(session.due_s / interval_s)] += 1
        if session.error:
            operation, name = session.error
            failed[end] += 1
            errors[end][name] += 1
            failures[end, operation] += 1
        else:
            completed[end] += 1
        for name, took in session.operations.items():
            samples[end, name].append(took)
    intervals, active = [], 0
    for at in range(last + 1):
        active += due[at] - completed[at] - failed[at]
        names = {name for end, name in samples if end == at} | {name for end, name in failures if end == at}
        intervals.append(
            Interval(
                at_s=at * interval_s,
                due=due[at],
                begun=due[at],
                completed=completed[at],
                failed=failed[at],
                active=active,
                errors=dict(errors[at]),
                operations={
                    name: operation_interval(samples[at, name], failures[at, name]) for name in sorted(names)
                },
            )
        )
    return Series(interval_s=interval_s, intervals=intervals)


def operation_interval(samples: Sequence[float], failed: int) -> OperationInterval:
    whole = latency(samples)
    return OperationInterval(
        count=whole.count,
        failed=failed,
        p50=whole.p50,
        p90=whole.p90,
        p95=whole.p95,
        p99=whole.p99,
        max=whole.max,
    )


def by_operation(sessions: Iterable[Session]) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = defaultdict(list)
    for session in sessions:
        for name, took in session.operations.items():
            samples[name].append(took)
    return dict(samples)


def histograms(samples: Mapping[str, Sequence[float]]) -> Histograms:
    encoded = {}
    for name, values in samples.items():
        histogram = HdrHistogram(1, 600_000_000, 3)
        for value in values:
            histogram.record_value(max(1, round(value * 1000)))
        encoded[name] = histogram.encode().decode("ascii")
    return Histograms(operations=encoded)


def made(sessions: Sequence[Session], rate_per_s: float, duration_s: float) -> Arrivals:
    return Arrivals(
        mode="open",
        asked_per_s=rate_per_s,
        made_per_s=round(len(sessions) / duration_s, 3),
        planned=len(sessions),
        made=len(sessions),
        late=3,
        late_after_ms=10.0,
        worst_late_ms=14.25,
    )


def judged(rule: str, value: float | None, kept: bool | None, **more: str) -> Judged:
    return Judged(rule=rule, value=value, kept=kept, **more)


def round_of(
    label: str, sessions: Sequence[Session], rate_per_s: float, duration_s: float, **more: bool
) -> Round:
    samples = by_operation(sessions)
    latencies = {name: latency(values) for name, values in samples.items()}
    errors = Counter(session.error[1] for session in sessions if session.error)
    p95_s = latencies[MESSAGE].p95 / 1000
    slo = [judged("smtp.message p95 < 500 ms", p95_s * 1000, kept=p95_s < 0.5, round=label)]
    return Round(
        label=label,
        arrivals=made(sessions, rate_per_s, duration_s),
        completed=sum(not session.error for session in sessions),
        errors=dict(errors),
        latency_ms=latencies,
        slo=slo,
        saturated=more.get("saturated", False),
        kept=p95_s < 0.5,
    )


HEALTH = GeneratorHealth(
    cpu=0.34,
    lag_ms=1.35,
    saturated=False,
    workers=[
        WorkerHealth(worker=0, cpu=0.31, cpu_max=0.44, lag_p99_ms=0.9, lag_max_ms=4.2, late=1),
        WorkerHealth(worker=1, cpu=0.34, cpu_max=0.52, lag_p99_ms=1.35, lag_max_ms=11.0, late=2),
    ],
)
EVIDENCE = (
    "smtp.message 452, worker 1, 17.204 s into the run\n"
    "  C: MAIL FROM:<s17@example.org>\\r\\n\n  S: 250 2.1.0 Ok\\r\\n\n"
    "  C: RCPT TO:<user3@example.test>\\r\\n\n  S: 452 4.3.1 Insufficient system storage\\r\\n"
)


def summary(sessions: Sequence[Session], rate_per_s: float, duration_s: float, **more: object) -> LoadSummary:
    """A summary whose figures are those of the sessions."""
    samples = by_operation(sessions)
    errors = Counter(session.error[1] for session in sessions if session.error)
    per_operation: dict[str, Counter[str]] = defaultdict(Counter)
    for session in sessions:
        if session.error:
            per_operation[session.error[0]][session.error[1]] += 1
    accepted = len(samples.get(MESSAGE, ()))
    fields: dict[str, object] = {
        "scenario": "inbound",
        "run": "0badcafe",
        "seed": 20261124,
        "started_at": "2026-11-24T13:05:09Z",
        "wall_s": duration_s + 11.4,
        "target": LoadTarget(
            name="Postfix 3.7 + Dovecot 2.3",
            endpoints={"smtp": "127.0.0.1:20025", "imap": "127.0.0.1:20043"},
            software={"smtp": "mx.example.test ESMTP Postfix", "imap": "Dovecot ready."},
            processes=[
                ProcessUse(pid=412, name="master", cpu_s=14.2, cpu_max=0.61, memory_max_octets=96 * 2**20),
                ProcessUse(pid=440, name="dovecot", cpu_s=9.75, cpu_max=0.38, memory_max_octets=164 * 2**20),
            ],
        ),
        "machine": Machine(system="Linux 6.1 x86_64", python="3.11.7", cores=2, memory_octets=8 * 2**30),
        "settings": {
            "rate_per_s": f"{rate_per_s:g}",
            "duration_s": f"{duration_s:g}",
            "arrivals": "poisson",
            "content.sizes": "measured",
            "traffic.recipients": "1 to 3",
        },
        "command": f"mailproof load inbound target.toml --rate {rate_per_s:g} --duration {duration_s:g} --seed 7",
        "arrivals": made(sessions, rate_per_s, duration_s),
        "completed": sum(not session.error for session in sessions),
        "errors": dict(errors),
        "errors_by_operation": {name: dict(classes) for name, classes in per_operation.items()},
        "latency_ms": {name: latency(values) for name, values in samples.items()},
        "audit": Audit(
            done=True,
            owed=accepted,
            found_once=accepted,
            waited_s=90.0,
            readable_after_ms=latency([200 + 3 * value for value in samples.get(FETCH, ())]),
        ),
        "slo": [
            judged("smtp.message p95 < 500 ms", round(latency(samples.get(MESSAGE, ())).p95, 3), kept=True),
            judged("delivery p95 < 60 s", 0.231, kept=True),
            judged("errors < 1 %", 0.0, kept=True),
            judged("lost = 0", 0.0, kept=True),
        ],
        "rounds": [],
        "generator": HEALTH,
        "verdict": "kept",
        "sentence": f"Postfix 3.7 + Dovecot 2.3 carried {rate_per_s:g} sessions/s within every limit, and every "
        f"accepted message was found exactly once.",
    }
    return LoadSummary(**fields | more)


def run_of(sessions: Sequence[Session], told: LoadSummary) -> LoadRun:
    return LoadRun(Path("mailproof-load"), told, series(sessions), histograms(by_operation(sessions)))


def calm(rate_per_s: float) -> list[Session]:
    """A minute at this rate without trouble."""
    return served(arrivals(rate_per_s, 60, 11))


def clean() -> LoadRun:
    """Everything held."""
    sessions = served(arrivals(30, 60, 7))
    return run_of(sessions, summary(sessions, 30, 60))


def broken() -> LoadRun:
    """Frozen for three seconds, short of storage, mail lost and duplicated, a worker dead."""
    refusals = {"452": 0.03, "timeout": 0.004, "421": 0.01, "reset": 0.002}
    sessions = served(arrivals(40, 60, 8), frozen_s=(20.0, 23.0), errors=refusals)
    good = summary(sessions, 40, 60)
    owed = good.audit.owed
    audit = replace(
        good.audit,
        found_once=owed - 7 - 4,
        lost=7,
        duplicated=3,
        corrupted=1,
        late=2,
        accepted_despite_error=5,
        strangers=1,
        examples={
            "lost": [
                f"0badcafe.1.{slot} to user{slot % 9}@example.test, accepted {slot / 40:.1f} s in"
                for slot in range(801, 808)
            ],
            "duplicated": [f"0badcafe.0.{slot} in user2@example.test, found twice" for slot in (17, 40, 993)],
            "corrupted": ["0badcafe.0.512 in user4@example.test"],
        },
    )
    rounds = [round_of("80 %", calm(26.7), 26.7, 60), round_of("100 %", calm(33.3), 33.3, 60)]
    rounds.append(round_of("120 %", sessions, 40, 60))
    slo = [
        *(one for part in rounds for one in part.slo),
        judged("delivery p95 < 60 s", 0.25, kept=True),
        judged("errors < 1 %", 4.62, kept=False),
        judged("lost = 0", 7.0, kept=False),
        judged("pop3.retr p99 < 1 s", None, kept=None, note="no such operation in this run"),
    ]
    died = replace(
        HEALTH.workers[1],
        cpu=0.21,
        cpu_max=0.4,
        lag_p99_ms=0.8,
        lag_max_ms=3.0,
        lost_at_s=41.0,
        share_lost=374,
    )
    told = replace(
        good,
        audit=audit,
        slo=slo,
        rounds=rounds,
        generator=replace(HEALTH, workers=[HEALTH.workers[0], died]),
        verdict="broken",
        sentence="Postfix 3.7 + Dovecot 2.3 lost 7 accepted messages and broke 3 of 5 limits at 40 sessions/s.",
        notes=["The target was away from 20.0 s to 23.0 s into the run."],
        evidence=[EVIDENCE, EVIDENCE.replace("452", "421")],
    )
    return run_of(sessions, told)


def saturated() -> LoadRun:
    """The generator could not keep up."""
    sessions = served(arrivals(60, 30, 9), service_ms=9)
    told = summary(sessions, 400, 30)
    told = replace(
        told,
        arrivals=replace(told.arrivals, planned=12_000, late=1503, worst_late_ms=2412.0, given_up=10_200),
        generator=GeneratorHealth(
            cpu=0.998,
            lag_ms=212.0,
            saturated=True,
            reasons=[
                "worker 0 used 99.8 % of its core",
                "1,503 sessions began more than 10 ms late, the worst 2.4 s",
            ],
            workers=[
                WorkerHealth(worker=0, cpu=0.998, cpu_max=1.0, lag_p99_ms=212.0, lag_max_ms=840.0, late=1503)
            ],
        ),
        slo=[judged("smtp.message p95 < 500 ms", None, kept=None, note="the generator was the limit")],
        verdict="generator saturated",
        sentence="This generator made 60 of the 400 sessions/s asked for: nothing is said of the target.",
    )
    return run_of(sessions, told)


def search() -> LoadRun:
    """A search for the capacity: doubling, bisection, the boundary tried twice."""
    steps = [10.0, 20.0, 40.0, 80.0, 160.0, 113.1, 95.1, 87.2, 91.1, 87.2, 91.1]
    rounds, everything, at = [], [], 0.0
    for number, rate in enumerate(steps, 1):
        sessions = served(arrivals(rate, 20, number), seed=number)
        rounds.append(round_of(f"step {number}", sessions, rate, 20, saturated=rate > 150))
        everything += [
            session._replace(due_s=session.due_s + at, ended_s=session.ended_s + at) for session in sessions
        ]
        at = max(session.ended_s for session in everything) + 0.5
    slo = [one for part in rounds for one in part.slo]
    told = summary(
        everything,
        160,
        at,
        rounds=rounds,
        slo=slo,
        capacity_per_s=87.2,
        knee_per_s=80.0,
        sentence="Postfix 3.7 + Dovecot 2.3 carries 87.2 sessions/s within its limits; 91.1/s did not hold.",
    )
    return run_of(everything, told)


def empty() -> LoadRun:
    """Nothing ever completed."""
    sessions = [Session(at, at, {}, (CONNECT, "refused")) for at in arrivals(5, 10, 3)]
    told = summary(
        sessions,
        5,
        10,
        completed=0,
        audit=Audit(done=False, why_not="nothing was accepted"),
        slo=[judged("smtp.message p95 < 500 ms", None, kept=None)],
        verdict="unfinished",
        sentence="127.0.0.1:20025 refused every connection: nothing was measured.",
    )
    return run_of(sessions, told)


def nothing() -> LoadRun:
    """Not even an arrival: stopped before it began, and its files are gone."""
    told = summary([], 5, 10, slo=[], settings={}, verdict="unfinished", sentence="", audit=Audit(done=False))
    return LoadRun(Path("mailproof-load"), told, Series(interval_s=1.0, intervals=[]), None)


def closed() -> LoadRun:
    """Users who wait for each answer."""
    sessions = served(arrivals(20, 30, 4), service_ms=0.08)
    told = summary(sessions, 0, 30)
    told = replace(told, arrivals=replace(told.arrivals, mode="closed", users=25, late=0, worst_late_ms=0.0))
    return run_of(sessions, told)


def huge() -> LoadRun:
    """Fifty operations, a thousand intervals, and everything that can be said is hostile."""
    rng = random.Random(50)
    names = [
        f"imap.{'x' * (place % 7)}{place} {HOSTILE}" if place % 3 else f"imap.op{place}"
        for place in range(50)
    ]
    classes = [f"NO [{place}{HOSTILE}]" for place in range(20)]
    samples = {
        name: [rng.lognormvariate(2 + place / 12, 0.9) for _ in range(300)]
        for place, name in enumerate(names)
    }
    whole = {name: latency(values) for name, values in samples.items()}
    intervals = []
    for at in range(1000):
        operations = {}
        for name, total in whole.items():
            swing = rng.uniform(0.6, 1.7)
            measures = {
                field: round(getattr(total, field) * swing, 3)
                for field in ("p50", "p90", "p95", "p99", "max")
            }
            operations[name] = OperationInterval(count=rng.randrange(1, 90), failed=at % 2, **measures)
        intervals.append(
            Interval(
                at_s=at * 4.0,
                due=4000 + at,
                begun=4000 + at,
                completed=3990,
                failed=at % 11,
                active=at % 300,
                errors={name: (at + place) % 5 for place, name in enumerate(classes)},
                operations=operations,
            )
        )
    told = summary([], 1000, 4000)
    told = replace(
        told,
        scenario=f"office {HOSTILE}",
        run=HOSTILE,
        started_at=HOSTILE,
        target=LoadTarget(
            name=HOSTILE,
            endpoints={HOSTILE: HOSTILE},
            software={HOSTILE: HOSTILE},
            processes=[ProcessUse(pid=1, name=HOSTILE, cpu_s=1.0, cpu_max=1.0, memory_max_octets=2**33)],
        ),
        machine=replace(told.machine, system=HOSTILE, python=HOSTILE),
        settings={HOSTILE: HOSTILE},
        command=HOSTILE,
        completed=3_990_000,
        errors={name: 1000 * place for place, name in enumerate(classes, 1)},
        errors_by_operation={name: dict.fromkeys(classes, 7) for name in [*names, f"never.{HOSTILE}"]},
        latency_ms=whole,
        audit=Audit(
            done=True, owed=12_345_678, found_once=12_345_670, lost=8, examples={"lost": [HOSTILE] * 10}
        ),
        slo=[judged(HOSTILE, 5.0, kept=False, round=HOSTILE, note=HOSTILE)] * 3
        + [judged(f"{names[0]} p95 < 500 ms", 5.0, kept=True)],
        generator=replace(HEALTH, saturated=True, reasons=[HOSTILE], workers=HEALTH.workers * 16),
        verdict="broken",
        sentence=f"A sentence with {HOSTILE} in it.",
        notes=[HOSTILE],
        evidence=[f"S: {HOSTILE * 300}"] * 100,
    )
    return LoadRun(Path("run"), told, Series(interval_s=4.0, intervals=intervals), histograms(samples))


RUNS: Mapping[str, Callable[[], LoadRun]] = {
    make.__name__: make for make in (clean, broken, saturated, search, empty, nothing, closed, huge)
}


@pytest.fixture(scope="session")
def load_runs() -> Mapping[str, LoadRun]:
    """Every kind of run by its name."""
    return {name: make() for name, make in RUNS.items()}


@pytest.fixture(scope="session")
def hostile() -> str:
    """What every name and word of the huge run says."""
    return HOSTILE
