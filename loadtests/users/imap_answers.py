"""Octets in, whole IMAP answers out, with as little work as an answer's shape allows.

A command's answer is found without a parser: where no line announces a literal, its lines are its responses, and the
completion is the line that begins with the tag. Where one may be announced, literals are followed octet for octet,
by the same rule as in `harness.wire.imap.reader`; what stands in them is never taken for a response.
"""

from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.parser import is_text
from harness.wire.imap.reader import announced
from harness.wire.lines import CRLF
from loadtests.users.imap_fetched import Fetched, read_fetched

__all__ = ["MAX_RESPONSE_OCTETS", "Answer", "AnswerReader"]

# Ours: what one response may have, literals included: more than any message that a profile allows.
MAX_RESPONSE_OCTETS: Final = 128 * 1024 * 1024

# A line that may announce a literal ends so.
_MAY_ANNOUNCE: Final = b"}\r\n"


class Answer:
    """A command's completion and what came before it.

    Attributes:
        text: The completion behind its tag, without CRLF: ``OK [READ-WRITE] done``.
        octets: What came before it as it came, None where literals may be in it.
    """

    __slots__ = ("_responses", "octets", "text")

    def __init__(self, text: bytes, octets: bytes | None, responses: list[bytes] | None = None) -> None:
        self.text = text
        self.octets = octets
        self._responses = responses

    @property
    def size(self) -> int:
        """Octets that came before the completion."""
        return sum(map(len, self.responses)) if self.octets is None else len(self.octets)

    @property
    def ok(self) -> bool:
        return self.text[:2].upper() == b"OK"

    @property
    def fetched(self) -> list[Fetched]:
        """What its FETCH responses say, in the order they came."""
        return [found for response in self.responses if (found := read_fetched(response)) is not None]

    @property
    def responses(self) -> list[bytes]:
        """What came before the completion, response by response, each whole with its last CRLF."""
        if self._responses is None:
            lines = (self.octets or b"").split(CRLF)
            self._responses = [line + CRLF for line in lines[:-1]]
        return self._responses


class AnswerReader:
    """Holds the octets of what is not whole yet, and no more than `max_octets` of one response.

    Args:
        max_octets: What one response may have, literals included.
    """

    def __init__(self, max_octets: int = MAX_RESPONSE_OCTETS) -> None:
        self._max = max_octets
        self._octets = bytearray()
        self._came: list[bytes] = []
        # The response at the front goes on at least to here: all before is lines and literals followed.
        self._followed = 0
        self._scanned = 0

    @property
    def idle(self) -> bool:
        """True when no octet is held that no call has handed out."""
        return not self._octets and not self._came

    def answer(self, tag: bytes, data: bytes = b"") -> Answer | None:
        """Take octets off the network; the answer to a command once it is whole.

        Args:
            tag: The command's tag with one space behind it.
            data: Any number of octets, cut anywhere.

        Raises:
            RemoteProtocolError: A response exceeds `max_octets`.

        Source: RFC 3501 §2.2.2, §4.3, §7.
        """
        if not self._octets and not self._came and data.endswith(CRLF) and _MAY_ANNOUNCE not in data:
            before_last = data.rfind(CRLF, 0, -2)
            start = before_last + 2 if before_last >= 0 else 0
            if data.startswith(tag, start):
                return Answer(data[start + len(tag) : -2], data[:start])
        self._octets += data
        while (response := self.response()) is not None:
            if response.startswith(tag):
                came, self._came = self._came, []
                return Answer(response[len(tag) : -2], None, came)
            self._came.append(response)
        return None

    def response(self, data: bytes = b"") -> bytes | None:
        """Take octets off the network; the next response, whole with its last CRLF, once it is here.

        Raises as `answer`.
        """
        octets = self._octets
        octets += data
        while len(octets) >= self._followed:
            end = octets.find(CRLF, self._scanned)
            if end < 0:
                self._scanned = max(self._followed, len(octets) - 1)
                self._bound(len(octets))
                return None
            literal = self._literal(end)
            if literal is None:
                whole = bytes(octets[: end + 2])
                del octets[: end + 2]
                self._followed = self._scanned = 0
                return whole
            self._followed = self._scanned = end + 2 + literal
            self._bound(self._followed)
        return None

    def _literal(self, end: int) -> int | None:
        """The octets of the literal that the line up to `end` announces, None for none."""
        if not self._octets.endswith(b"}", self._followed, end):
            return None
        line = bytes(self._octets[self._followed : end])
        return None if not self._followed and is_text(line) else announced(line)

    def _bound(self, octets: int) -> None:
        if octets > self._max:
            raise RemoteProtocolError(f"a response of {octets} octets or more, at most {self._max}")
