"""What a run leaves behind, as typed records, and how what was seen becomes a verdict.

A check observes; the requirement's level decides what that means. No check picks its own verdict.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from harness.spec.model import Level

__all__ = [
    "SCHEMA",
    "CheckResult",
    "Counterexample",
    "EntryRecord",
    "Finding",
    "GateRecord",
    "RunEnd",
    "RunHeader",
    "Seen",
    "TargetFacts",
    "TranscriptRecord",
    "Verdict",
    "verdict",
    "worst",
]

# Raised when a reader of the older records could misread the newer; a field more is no reason.
SCHEMA: Final = 1


class Seen(StrEnum):
    """What a check saw."""

    KEPT = "kept"
    BROKEN = "broken"
    UNCLEAR = "unclear"
    NOT_OFFERED = "not offered"
    FAILED = "failed"  # the check itself went wrong; says nothing about the target


class Verdict(StrEnum):
    """What it means, weighed by the requirement's level."""

    VIOLATES = "violates"
    DECLINES = "declines"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    CONFORMS = "conforms"
    OFFERS = "offers"
    NOT_OFFERED = "not_offered"
    NOT_TESTED = "not_tested"


_BY_SEEN: Final[Mapping[Seen, Mapping[Level, Verdict]]] = {
    Seen.KEPT: {
        **dict.fromkeys(Level, Verdict.CONFORMS),
        Level.MAY: Verdict.OFFERS,
    },
    Seen.BROKEN: {
        Level.MUST: Verdict.VIOLATES,
        Level.MUST_NOT: Verdict.VIOLATES,
        Level.SHOULD: Verdict.DECLINES,
        Level.SHOULD_NOT: Verdict.DECLINES,
        Level.MAY: Verdict.ERROR,  # a MAY cannot be broken: the check misreads the RFC
    },
    Seen.UNCLEAR: dict.fromkeys(Level, Verdict.INCONCLUSIVE),
    Seen.NOT_OFFERED: {
        **dict.fromkeys(Level, Verdict.NOT_TESTED),
        Level.MAY: Verdict.NOT_OFFERED,
    },
    Seen.FAILED: dict.fromkeys(Level, Verdict.ERROR),
}


def verdict(seen: Seen, level: Level) -> Verdict:
    """Weigh what was seen.

    Args:
        level: For a statement without a keyword, the level its ruling weighs it as (`Requirement.weighed_as`).

    Raises:
        KeyError: `level` is IMPLIED and something was broken: it has no weight of its own.
    """
    return _BY_SEEN[seen][level]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict for a requirement that several checks prove: the gravest; NOT_TESTED when there is none."""
    order = list(Verdict)
    return min(verdicts, key=order.index, default=Verdict.NOT_TESTED)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown fields are ignored on reading, so that an older reader takes a newer file of the same schema."""


class TargetFacts(Record, frozen=True, kw_only=True):
    """The target as declared and seen; `products` is by protocol what the target says it is."""

    name: str
    domain: str
    endpoints: dict[str, str]
    products: dict[str, str]


class RunHeader(Record, frozen=True, kw_only=True, tag="run"):
    """The first record."""

    schema: int = SCHEMA
    mailproof_version: str
    started: str
    seed: int
    profile: str
    selection: list[str]
    target: TargetFacts


class EntryRecord(Record, frozen=True, kw_only=True):
    """Octets that moved (base64 in JSON), `at_us` microseconds after their connection's start."""

    at_us: int
    direction: str
    octets: bytes
    tls: bool


class TranscriptRecord(Record, frozen=True, kw_only=True):
    """One connection."""

    label: str
    entries: list[EntryRecord]


class Counterexample(Record, frozen=True, kw_only=True):
    """The smallest input that broke the requirement: its arguments for people, its `choices` for `replay`."""

    message: str
    arguments: dict[str, str]
    choices: list[bytes]


class Finding(Record, frozen=True, kw_only=True):
    """What one check says of one requirement; `reason` is empty only where the requirement was kept."""

    requirement: str
    level: str
    seen: Seen
    verdict: Verdict
    reason: str


class CheckResult(Record, frozen=True, kw_only=True, tag="check"):
    """One check, done: `examples` counts the inputs it tried, 1 for a check without generated input."""

    check: str
    title: str
    area: str
    module: str
    findings: list[Finding]
    duration_s: float
    examples: int
    property_based: bool
    counterexample: Counterexample | None = None
    transcripts: list[TranscriptRecord] = []
    error: str | None = None


class GateRecord(Record, frozen=True, kw_only=True):
    """Whether an area could be tried at all."""

    area: str
    open: bool
    reason: str


class RunEnd(Record, frozen=True, kw_only=True, tag="end"):
    """The last record; a run that was stopped has `finished` false and the reason."""

    wall_s: float
    finished: bool
    reason: str
    gates: list[GateRecord]
