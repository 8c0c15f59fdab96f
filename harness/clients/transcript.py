"""What went over the wire, octet for octet: direction, time in microseconds, TLS state."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

__all__ = ["Direction", "Entry", "Transcript"]

# Ours: what one transcript keeps in all. A target may send without end; what is cut is counted in
# a note.
MAX_OCTETS: Final = 2 * 1024 * 1024


class Direction(StrEnum):
    """Who spoke; a note is ours and never went over the wire."""

    SENT = "sent"
    RECEIVED = "received"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Entry:
    """Octets that moved, `at_us` microseconds after the connection's start."""

    at_us: int
    direction: Direction
    octets: bytes
    tls: bool


@dataclass(slots=True)
class Transcript:
    """One connection's record. Secrets are masked before they get here (`Transport.send`)."""

    label: str
    entries: list[Entry] = field(default_factory=list)
    _start_ns: int = field(default_factory=time.monotonic_ns)
    _kept: int = 0

    def add(self, direction: Direction, octets: bytes, *, tls: bool) -> None:
        """Keep octets; beyond `MAX_OCTETS` in all only their count is kept."""
        room = max(0, MAX_OCTETS - self._kept)
        kept, cut = octets[:room], len(octets) - room
        self._kept += len(kept)
        at_us = (time.monotonic_ns() - self._start_ns) // 1000
        if kept:
            self.entries.append(Entry(at_us, direction, kept, tls))
        if cut > 0:
            self.entries.append(
                Entry(at_us, Direction.NOTE, f"{cut} octets {direction}, not kept".encode(), tls)
            )

    def note(self, text: str, *, tls: bool = False) -> None:
        """Write down what happened beside the octets: connected, closed, TLS started."""
        at_us = (time.monotonic_ns() - self._start_ns) // 1000
        self.entries.append(Entry(at_us, Direction.NOTE, text.encode(), tls))

    def mask(self, secret: bytes, shown: bytes) -> None:
        """Put `shown` in the place of something that came, and is known to be a secret only now."""
        self.entries[:] = [
            replace(entry, octets=entry.octets.replace(secret, shown)) if secret in entry.octets else entry
            for entry in self.entries
        ]

    def received(self) -> bytes:
        """All octets the target sent, in order."""
        return b"".join(e.octets for e in self.entries if e.direction is Direction.RECEIVED)

    def sent(self) -> bytes:
        """All octets we sent, in order, secrets masked."""
        return b"".join(e.octets for e in self.entries if e.direction is Direction.SENT)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        marks = {Direction.SENT: "C:", Direction.RECEIVED: "S:", Direction.NOTE: "--"}
        yield self.label
        for entry in self.entries:
            shown = entry.octets.decode("latin-1").encode("unicode_escape").decode("ascii")
            who = ("tls " if entry.tls else "") + marks[entry.direction]
            yield f"{entry.at_us / 1000:10.3f} ms {who} {shown}"
