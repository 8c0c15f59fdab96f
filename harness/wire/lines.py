"""CRLF framing with a memory bound, for every line protocol here."""

from dataclasses import dataclass
from typing import Final

from harness.errors import RemoteProtocolError

__all__ = ["CRLF", "LineBuffer", "WireFault"]

CRLF: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class WireFault:
    """Something that was read all the same but breaks a rule.

    Attributes:
        position: Octets from the start of the line or response it is noted on.
        rule: The rule's place, ``RFC 5321 §4.2``.
        detail: What was seen, for people.
    """

    position: int
    rule: str
    detail: str


class LineBuffer:
    """Octets in, lines and counted octets out. A line ends at CRLF only; a lone CR or LF is content.

    Args:
        max_pending: How many octets may wait without a CRLF.
    """

    def __init__(self, max_pending: int) -> None:
        self._max_pending = max_pending
        self._octets = bytearray()
        self._scanned = 0

    @property
    def pending(self) -> int:
        """Octets held that no call has taken yet."""
        return len(self._octets)

    def feed(self, data: bytes) -> None:
        """Take octets off the network; they are bounded by `next_line`, so call that between feeds."""
        self._octets += data

    def next_line(self) -> bytes | None:
        """The next line without its CRLF, None until it is whole.

        Raises:
            RemoteProtocolError: The line is longer than `max_pending`, however the octets were cut.
        """
        end = self._octets.find(CRLF, self._scanned)
        # The last octet may be the CR of a CRLF that was cut.
        octets = end if end >= 0 else len(self._octets) - self._octets.endswith(b"\r")
        if octets > self._max_pending:
            raise RemoteProtocolError(f"a line of {octets} octets or more, at most {self._max_pending}")
        if end < 0:
            self._scanned = max(0, len(self._octets) - 1)
            return None
        line = bytes(self._octets[:end])
        del self._octets[: end + 2]
        self._scanned = 0
        return line

    def take(self, octets: int) -> bytes | None:
        """Exactly so many octets, None until they are all here."""
        return self.take_up_to(octets) if len(self._octets) >= octets else None

    def take_up_to(self, octets: int) -> bytes:
        """What is here of the next `octets`, ``b""`` when nothing is."""
        taken = bytes(self._octets[:octets])
        del self._octets[: len(taken)]
        self._scanned = 0
        return taken
