"""Octets in, whole POP3 answers out, with as little work as their framing allows.

An answer is a line, or lines up to one that is a dot: either end is found by one search, without a parser.
"""

from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.lines import CRLF
from harness.wire.pop3.responses import MAX_PENDING

__all__ = ["MAX_RESPONSE_OCTETS", "Answer", "AnswerReader"]

# Ours: what one response may have: more than any message that a profile allows.
MAX_RESPONSE_OCTETS: Final = 128 * 1024 * 1024

_FINAL_DOT: Final = b"\r\n.\r\n"
_STATUSES: Final = (b"+OK", b"-ERR", b"+ ")


class Answer:
    """One response.

    Attributes:
        status: Its first line, without CRLF.
        stuffed: The lines behind it as they came, without the final dot; empty where there are none.
    """

    __slots__ = ("status", "stuffed")

    def __init__(self, status: bytes, stuffed: bytes = b"") -> None:
        self.status = status
        self.stuffed = stuffed

    @property
    def ok(self) -> bool:
        return self.status[:3].upper() == b"+OK"

    @property
    def text(self) -> bytes:
        """What follows ``+OK`` and a space."""
        return self.status[4:]

    @property
    def content(self) -> bytes:
        """The lines behind the first one, each with its CRLF, byte-stuffing undone (RFC 1939 §3)."""
        return (CRLF + self.stuffed).replace(b"\r\n.", CRLF)[2:]

    @property
    def lines(self) -> list[bytes]:
        """The lines behind the first one, byte-stuffing undone, without their CRLF."""
        return self.content.split(CRLF)[:-1]


class AnswerReader:
    """Holds the octets of what is not whole yet, and no more than `max_octets` of one response."""

    def __init__(self, max_octets: int = MAX_RESPONSE_OCTETS) -> None:
        self._max = max_octets
        self._held = bytearray()
        self._scanned = 0

    @property
    def idle(self) -> bool:
        """True when no octet is held that no call has handed out."""
        return not self._held

    def answer(self, data: bytes = b"", *, multi_line: bool = False) -> Answer | None:
        """Take octets off the network; the next response once it is whole.

        Args:
            data: Any number of octets, cut anywhere.
            multi_line: It has more lines where it is positive.

        Raises:
            RemoteProtocolError: It begins with no status, or exceeds `max_octets`.

        Source: RFC 1939 §3.
        """
        octets: bytes | bytearray = data
        if self._held:
            octets = self._held
            octets += data
        many = multi_line and octets[:3].upper() == b"+OK"
        mark = _FINAL_DOT if many else CRLF
        end = octets.find(mark, self._scanned)
        if end < 0:
            self._hold(octets, self._max if many else MAX_PENDING)
            return None
        after = end + len(mark)
        whole, rest = bytes(octets[:after]), octets[after:]
        self._held, self._scanned = bytearray(rest), 0
        return _read(whole, many=many)

    def _hold(self, octets: bytes | bytearray, most: int) -> None:
        if len(octets) > most:
            raise RemoteProtocolError(f"a response of {len(octets)} octets or more, at most {most}")
        if octets is not self._held:
            self._held += octets
        self._scanned = max(0, len(octets) - len(_FINAL_DOT) + 1)


def _read(whole: bytes, *, many: bool) -> Answer:
    first = whole.find(CRLF)
    if not whole[:4].upper().startswith(_STATUSES):
        raise RemoteProtocolError(f"not a POP3 status line: {whole[:80]!r}")
    return Answer(whole[:first], whole[first + 2 : -3] if many else b"")
