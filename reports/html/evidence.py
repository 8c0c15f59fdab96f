"""Transcripts, cut to what a page can carry.

All octets are in `result.jsonl`. A page has room for some: much of it for the checks that found something, a little
for each of the others, and what is left out is always counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Final

from harness.results.model import CheckResult, EntryRecord, TranscriptRecord
from reports.text import Piece, pieces, visible

__all__ = ["Allowance", "Dialogue", "Evidence", "Row", "evidence"]

# Ours: characters of shown text and mark-up. Together they keep a run of some hundred checks under 3 MB.
_LOUD_TOTAL: Final = 900_000
_QUIET_TOTAL: Final = 700_000
_LOUD_MOST: Final = 60_000
_QUIET_MOST: Final = 3_000
_MARKUP_OF_ENTRY: Final = 90

# Ours: octets shown of one entry. Enough for any legal line; a literal or a message is shown by its beginning.
_ENTRY_OCTETS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """One entry, or, with no `lines`, a gap: `left_out` octets in `entries` entries are not shown here."""

    at_ms: str
    direction: str
    tls: bool
    turns_tls: bool
    lines: tuple[list[Piece], ...]
    left_out: int
    entries: int = 1


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One connection as shown; `entries` and `octets` count all of it."""

    label: str
    entries: int
    octets: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a page shows of a check's connections, and how much it does not."""

    dialogues: tuple[Dialogue, ...]
    connections_left_out: int
    octets_left_out: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many characters the evidence of one check may take."""

    loud: int
    quiet: int

    @classmethod
    def of(cls, loud_checks: int, quiet_checks: int) -> "Allowance":
        """Share the page between the checks that found something and the rest."""
        return cls(
            min(_LOUD_MOST, _LOUD_TOTAL // max(loud_checks, 1)),
            min(_QUIET_MOST, _QUIET_TOTAL // max(quiet_checks, 1)),
        )


def evidence(check: CheckResult, allowance: int, *, loud: bool) -> Evidence:
    """Choose what to show of a check.

    Args:
        allowance: Characters, see `Allowance`; the first entry shown may exceed it.
        loud: The check found something. Its last connections are the smallest dialogue that shows it, so they come
            first in the choice, and each is shown by both ends; of others the beginning is shown.
    """
    chosen: list[Dialogue] = []
    transcripts = check.transcripts[::-1] if loud else check.transcripts
    for transcript in transcripts:
        if chosen and allowance < _MARKUP_OF_ENTRY * 4:
            break
        dialogue, spent = _dialogue(transcript, allowance, both_ends=loud)
        chosen.append(dialogue)
        allowance -= spent
    rest = transcripts[len(chosen) :]
    return Evidence(
        tuple(chosen[::-1] if loud else chosen),
        len(rest),
        sum(_octets(transcript.entries) for transcript in rest),
    )


def _dialogue(transcript: TranscriptRecord, allowance: int, *, both_ends: bool) -> tuple[Dialogue, int]:
    entries = transcript.entries
    costs = [_cost(entry) for entry in entries]
    head = max(_affordable(costs, allowance // 2 if both_ends else allowance), 1)
    rest = allowance - sum(costs[:head])
    tail = _affordable(costs[head:][::-1], rest) if both_ends else 0
    gap = entries[head : len(entries) - tail]
    rows = [_row(entries, index) for index in range(min(head, len(entries)))]
    if gap:
        rows.append(
            Row("", "gap", tls=gap[0].tls, turns_tls=False, lines=(), left_out=_octets(gap), entries=len(gap))
        )
    rows += [_row(entries, index) for index in range(len(entries) - tail, len(entries))]
    spent = sum(costs[:head]) + sum(costs[len(entries) - tail :])
    return Dialogue(transcript.label, len(entries), _octets(entries), tuple(rows)), spent


def _affordable(costs: Sequence[int], allowance: int) -> int:
    return sum(1 for _ in takewhile(lambda total: total <= allowance, accumulate(costs)))


def _cost(entry: EntryRecord) -> int:
    return _MARKUP_OF_ENTRY + len(visible(entry.octets[:_ENTRY_OCTETS]))


def _octets(entries: Iterable[EntryRecord]) -> int:
    return sum(len(entry.octets) for entry in entries if entry.direction != "note")


def _row(entries: Sequence[EntryRecord], index: int) -> Row:
    entry = entries[index]
    return Row(
        at_ms=f"{entry.at_us / 1000:.3f}",
        direction=entry.direction,
        tls=entry.tls,
        turns_tls=entry.tls != (entries[index - 1].tls if index else False),
        lines=tuple(pieces(entry.octets[:_ENTRY_OCTETS])),
        left_out=max(len(entry.octets) - _ENTRY_OCTETS, 0),
    )
