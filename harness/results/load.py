"""What a load run found: the model of its `summary.json`, and of the curves and histograms beside it.

A run's directory holds `summary.json` (`LoadSummary`), `series.json` (`Series`) and `histograms.json`
(`Histograms`). All times are milliseconds where a name says `_ms` and seconds where it says `_s`.
"""

from typing import Final, Literal

import msgspec

__all__ = [
    "HISTOGRAMS_FILE",
    "LOAD_SCHEMA",
    "SERIES_FILE",
    "SUMMARY_FILE",
    "Arrivals",
    "Audit",
    "GeneratorHealth",
    "Histograms",
    "Interval",
    "Judged",
    "Latency",
    "LiveFigures",
    "LoadSummary",
    "LoadTarget",
    "Machine",
    "OperationInterval",
    "ProcessUse",
    "Round",
    "Series",
    "WorkerHealth",
]

LOAD_SCHEMA: Final = 1
SUMMARY_FILE: Final = "summary.json"
SERIES_FILE: Final = "series.json"
HISTOGRAMS_FILE: Final = "histograms.json"


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """One operation's latencies in milliseconds, failures left out; all 0 where `count` is 0."""

    count: int
    p50: float = 0.0
    p90: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    p9999: float = 0.0
    max: float = 0.0


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of the generator and what it did.

    Attributes:
        mode: ``open``: sessions start by the schedule; ``closed``: `users` start one after the other.
        planned: Sessions that the schedule held; in closed mode those that were begun.
        made: Sessions that were begun.
        late: Begun more than `late_after_ms` after their time.
        given_up: Never begun: the run was stopped, or a worker died with its share.
    """

    mode: Literal["open", "closed"]
    asked_per_s: float
    made_per_s: float
    planned: int
    made: int
    late: int
    late_after_ms: float
    worst_late_ms: float
    given_up: int = 0
    users: int = 0


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Every accepted message against what was found in the mailboxes, in deliveries (one for each recipient).

    Attributes:
        done: The mailboxes were read to the end; where not, `why_not` says so and nothing here accuses the target.
        owed: Accepted deliveries.
        found_once: Found exactly once, whole, in the right mailbox.
        lost: Not found within `waited_s` after the last one was accepted.
        late: Found, but more than `late_after_s` after they were accepted.
        accepted_despite_error: Found, although the client saw an error instead of the acceptance.
        undecided: Their mailbox could not be read to the end, or a deletion's outcome is unknown.
        strangers: Messages of this run that no living worker told us of (a dead worker's, for the most part).
        readable_after_ms: From accepted to first seen by a reader, of the deliveries that readers saw in the run.
    """

    done: bool
    why_not: str = ""
    owed: int = 0
    found_once: int = 0
    lost: int = 0
    duplicated: int = 0
    corrupted: int = 0
    misdelivered: int = 0
    late: int = 0
    late_after_s: float = 60.0
    accepted_despite_error: int = 0
    undecided: int = 0
    strangers: int = 0
    waited_s: float = 0.0
    readable_after_ms: Latency = msgspec.field(default_factory=lambda: Latency(count=0))
    examples: dict[str, list[str]] = {}  # class -> up to ten tokens with mailbox and time, for people


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One limit. `value` is in the rule's own unit; None, as `kept`, where nothing was measured."""

    rule: str
    value: float | None
    kept: bool | None
    round: str = ""
    note: str = ""


class WorkerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One generator process. `cpu` is its share of one core (1.0 is all of it); `lag_ms` is its event loop's."""

    worker: int
    cpu: float
    cpu_max: float
    lag_p99_ms: float
    lag_max_ms: float
    late: int
    lost_at_s: float | None = None  # when it died, seconds into the run
    share_lost: int = 0  # arrivals of its share that nobody made


class GeneratorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """`cpu` and `lag_ms` are the worst worker's (`lag_ms`: its 99th percentile)."""

    cpu: float
    lag_ms: float
    saturated: bool
    reasons: list[str] = []
    workers: list[WorkerHealth] = []


class ProcessUse(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the target (with its children) over the run; `cpu_s` was spent in the run."""

    pid: int
    name: str
    cpu_s: float
    cpu_max: float
    memory_max_octets: int


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the run that was judged by itself: a share of the claimed load, a step of a search."""

    label: str
    arrivals: Arrivals
    completed: int
    errors: dict[str, int]
    latency_ms: dict[str, Latency]
    slo: list[Judged]
    saturated: bool
    kept: bool


class LoadTarget(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    endpoints: dict[str, str]
    software: dict[str, str] = {}  # protocol -> greeting, as it came, escaped when shown
    processes: list[ProcessUse] = []


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where the generator ran."""

    system: str
    python: str
    cores: int
    memory_octets: int


class LoadSummary(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="load"):
    """`summary.json`. `completed` counts sessions that ended without an error.

    Attributes:
        verdict: ``kept`` (every limit held, nothing lost), ``broken``, ``generator saturated`` (the figures are the
            generator's, not the target's), ``unfinished`` (stopped early or the audit could not be made).
        sentence: The answer, for people.
        capacity_per_s: What `--find-capacity` found; None where it was not asked for or not found.
        knee_per_s: The rate from which latency began to climb, of the steps of a search; None where there is none.
    """

    schema: int = LOAD_SCHEMA
    scenario: str
    run: str
    seed: int
    started_at: str  # RFC 3339, UTC
    wall_s: float
    target: LoadTarget
    machine: Machine
    settings: dict[str, str]  # the profile as it was used, key -> text
    command: str  # how to run it again
    arrivals: Arrivals
    completed: int
    errors: dict[str, int]
    errors_by_operation: dict[str, dict[str, int]]
    latency_ms: dict[str, Latency]
    audit: Audit
    slo: list[Judged]
    rounds: list[Round]
    generator: GeneratorHealth
    capacity_per_s: float | None = None
    knee_per_s: float | None = None
    verdict: Literal["kept", "broken", "generator saturated", "unfinished"]
    sentence: str
    notes: list[str] = []  # said out loud: lost workers, stopped early, restarts seen ...
    evidence: list[str] = []  # the last exchanges before an error, a few for each class, secrets hidden


class OperationInterval(msgspec.Struct, frozen=True, kw_only=True):
    """One operation in one interval; milliseconds."""

    count: int
    failed: int
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """What happened from `at_s` (seconds into the run) for `Series.interval_s`."""

    at_s: float
    due: int  # sessions that the schedule asked for
    begun: int
    completed: int
    failed: int
    active: int  # sessions that went on at its end
    errors: dict[str, int]
    operations: dict[str, OperationInterval]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """`series.json`: the run over time. Long runs have longer intervals, never more than 1,000 of them."""

    schema: int = LOAD_SCHEMA
    interval_s: float
    intervals: list[Interval]


class Histograms(msgspec.Struct, frozen=True, kw_only=True):
    """`histograms.json`: each operation's histogram, microseconds, in HdrHistogram's V2 compressed form (base64)."""

    schema: int = LOAD_SCHEMA
    operations: dict[str, str]


class LiveFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One line a second of a run that goes on, as JSON, from the generator to the terminal.

    Attributes:
        state: What the run is doing now.
        of_s: How long the arrivals last in all, 0 where nobody can know (a search).
        rate_per_s: Completed sessions in the last second.
        message: Something to be said once (a worker died, the generator falls behind), else empty.
    """

    state: Literal["waiting", "running", "draining", "auditing", "done"]
    phase: str
    at_s: float
    of_s: float
    due: int
    completed: int
    failed: int
    active: int
    late: int
    rate_per_s: float
    main_operation: str = ""
    p95_ms: float = 0.0
    owed: int = 0
    found: int = 0
    message: str = ""
