"""What a load run amounts to, in words and figures: every view of a run takes them from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose
from typing import Final, NamedTuple

from harness.results.load import Audit, Latency, LoadSummary
from reports.load.limits import limits
from reports.load.units import ms, per_s, round_figure
from reports.text import number, plural

__all__ = ["AUDIT", "PERCENTILES", "Figure", "Operation", "Overview", "Words"]

PERCENTILES: Final[Mapping[str, str]] = {
    "p50": "p50",
    "p90": "p90",
    "p95": "p95",
    "p99": "p99",
    "p999": "p99.9",
    "p9999": "p99.99",
    "max": "max",
}


class Words(NamedTuple):
    """A class of the audit: its name, what it means, and how grave one of it is."""

    name: str
    meaning: str
    form: str


# By the field of `Audit`, in the order in which a reader should meet them.
AUDIT: Final[Mapping[str, Words]] = {
    "owed": Words("owed", "The target accepted it: one for each recipient.", "plain"),
    "found_once": Words("found once", "Whole, in the right mailbox, and no second time.", "kept"),
    "lost": Words("lost", "Accepted and not found.", "broken"),
    "duplicated": Words("duplicated", "Found more than once.", "broken"),
    "corrupted": Words("corrupted", "Found, and not the octets that were sent.", "broken"),
    "misdelivered": Words("misdelivered", "Found in another's mailbox.", "broken"),
    "late": Words("late", "Found, after longer than the run allows.", "warned"),
    "accepted_despite_error": Words(
        "accepted despite an error", "Found, although the client was told of an error.", "warned"
    ),
    "undecided": Words(
        "undecided", "Its mailbox could not be read to the end, or a deletion's outcome is unknown.", "open"
    ),
    "strangers": Words("strangers", "Messages of this run that no living worker told of.", "open"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that belongs at the top."""

    form: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its latencies, and how often it failed."""

    name: str
    latency: Latency
    failed: int


class Overview:
    """A run as a whole."""

    def __init__(self, summary: LoadSummary) -> None:
        self.summary: Final = summary
        self.limits: Final = limits(summary)
        self.bounds: Final = [limit.rule.bound for limit in self.limits if limit.rule.bound]
        self.operations: Final = _operations(summary)
        self.errors: Final = sum(summary.errors.values())

    @property
    def main(self) -> Operation | None:
        """The operation that a reader asks for first: the first with a limit, else the one that moves mail."""
        named = {operation.name: operation for operation in self.operations}
        with_limit = [named[bound.operation] for bound in self.bounds if bound.operation in named]
        moving = [named[name] for name in named if name.endswith((".message", ".fetch", ".retr"))]
        return next(iter([*with_limit, *moving, *named.values()]), None)

    @property
    def main_name(self) -> str:
        """Its name; ``""`` where nothing was tried."""
        return self.main.name if self.main else ""

    @property
    def chief(self) -> Latency | None:
        """The main operation's latency; of a search, at the rate that it found."""
        if self.summary.capacity_per_s is None:
            return self.main.latency if self.main else None
        held = [
            part.latency_ms.get(self.main_name)
            for part in self.summary.rounds
            if part.kept and isclose(part.arrivals.asked_per_s, self.summary.capacity_per_s, rel_tol=0.005)
        ]
        return held[-1] if held else None

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        said = self.summary.sentence or f"{self.summary.scenario}: {self.summary.verdict}."
        return said[:1].upper() + said[1:]

    @property
    def warnings(self) -> list[str]:
        """What makes the figures something else than the target's, said before all else."""
        health = self.summary.generator
        if not (health.saturated or self.summary.verdict == "generator saturated"):
            return []
        reasons = health.reasons or ["its own processor or its schedule was the limit"]
        return [
            "The generator was saturated: latencies and rates are its own, not the target's.",
            *reasons,
        ]

    @property
    def remarks(self) -> list[str]:
        """What a reader must know beside the answer."""
        audit = self.summary.audit
        remarks = []
        if not audit.done:
            why = audit.why_not or "no reason was given"
            remarks.append(f"Nothing here says whether mail was lost: the audit was not made ({why}).")
        for worker in self.summary.generator.workers:
            if worker.lost_at_s is not None:
                lost = plural(worker.share_lost, "arrival")
                remarks.append(
                    f"Worker {worker.worker} died {worker.lost_at_s:.0f} s into the run; {lost} of its share "
                    "were made by nobody."
                )
        if self.summary.arrivals.mode == "closed":
            remarks.append(
                f"Closed load: {plural(self.summary.arrivals.users, 'user')} wait for each answer, so a slow "
                "target was asked less."
            )
        return [*remarks, *self.summary.notes]

    @property
    def figures(self) -> list[Figure]:
        """The run in numbers."""
        summary, arrivals, audit = self.summary, self.summary.arrivals, self.summary.audit
        capacity = summary.capacity_per_s
        asked = f"of {round_figure(arrivals.asked_per_s)} asked" if arrivals.mode == "open" else "closed load"
        told = [
            Figure("plain", f"sessions/s, {asked}", per_s(arrivals.made_per_s))
            if capacity is None
            else Figure("kept", "sessions/s within the limits", per_s(capacity)),
            Figure("plain", "sessions completed", number(summary.completed)),
            Figure("broken" if self.errors else "none", "errors", number(self.errors)),
        ]
        if self.chief and self.chief.count:
            at = "" if capacity is None else " at that rate"
            told.append(Figure("plain", f"p95 of {self.main_name}{at}", ms(self.chief.p95)))
        if audit.readable_after_ms.count:
            told.append(Figure("plain", "p95 until readable", ms(audit.readable_after_ms.p95)))
        return [*told, *_audited(audit)]


def _audited(audit: Audit) -> list[Figure]:
    if not audit.done:
        return []
    told = [Figure("plain", "deliveries owed", number(audit.owed))]
    told += [
        Figure(AUDIT[field].form if count else "none", AUDIT[field].name, number(count))
        for field in ("lost", "duplicated", "corrupted", "misdelivered")
        if (count := getattr(audit, field)) or field in ("lost", "duplicated")
    ]
    return told


def _operations(summary: LoadSummary) -> list[Operation]:
    """Those that were timed, in the run's order, then those that only failed."""
    names = dict.fromkeys([*summary.latency_ms, *summary.errors_by_operation])
    return [
        Operation(
            name,
            summary.latency_ms.get(name, Latency(count=0)),
            sum(summary.errors_by_operation.get(name, {}).values()),
        )
        for name in names
    ]
