"""Octets in, whole IMAP answers out, with as little work as an answer's shape allows.

A command's answer is found without a parser: the completion is the line that begins with the tag. Literals are
followed octet for octet, by the same rule as in `harness.wire.imap.reader`: what stands in them is never taken for a
line. Most answers have none, which one search for the end of an announcement shows.
"""

import re
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.parser import is_text
from harness.wire.imap.reader import announced
from harness.wire.lines import CRLF
from loadtests.users.imap_fetched import Fetched, read_fetched

__all__ = ["MAX_OCTETS", "Answer", "AnswerReader"]

# Ours: what one answer, or one response that is read by itself, may have: more than any message a profile allows.
MAX_OCTETS: Final = 128 * 1024 * 1024

# A line that may announce a literal ends so.
_MAY_ANNOUNCE: Final = b"}\r\n"

# What nearly every literal is announced by; no text, and no quotes to be followed.
_FETCH: Final = re.compile(rb'\* [0-9]+ FETCH \([^"{}\r\n]*\{([0-9]{1,19})\}')


class Answer:
    """A command's completion and what came before it.

    Attributes:
        text: The completion behind its tag, without CRLF: ``OK [READ-WRITE] done``.
        octets: What came before it.
        plain: There is no literal in it: each of its lines is a response.
    """

    __slots__ = ("_responses", "octets", "plain", "text")

    def __init__(self, text: bytes, octets: bytes, *, plain: bool = True) -> None:
        self.text = text
        self.octets = octets
        self.plain = plain
        self._responses: list[bytes] | None = None

    @property
    def ok(self) -> bool:
        return self.text[:2].upper() == b"OK"

    @property
    def responses(self) -> list[bytes]:
        """What came before the completion, response by response, each whole with its last CRLF."""
        if self._responses is None:
            self._responses = _lines(self.octets) if self.plain else _split(self.octets)
        return self._responses

    @property
    def fetched(self) -> list[Fetched]:
        """What its FETCH responses say, in the order they came."""
        return [found for response in self.responses if (found := read_fetched(response)) is not None]


class _Place:
    """How far octets were followed: before `followed` there is no line that nobody looked at.

    Attributes:
        inside: A literal ends at `followed`, and its response goes on.
        scanned: No line that ends before it announces a literal.
    """

    __slots__ = ("followed", "inside", "scanned")

    def __init__(self) -> None:
        self.followed = 0
        self.scanned = 0
        self.inside = False


class AnswerReader:
    """Holds the octets of what is not whole yet, at most `max_octets` of one answer or response."""

    def __init__(self, max_octets: int = MAX_OCTETS) -> None:
        self._max = max_octets
        self._octets = bytearray()
        self._answer_place = _Place()
        self._response_place = _Place()

    @property
    def idle(self) -> bool:
        """True when no octet is held that no call has handed out."""
        return not self._octets

    def answer(self, tag: bytes, data: bytes = b"") -> Answer | None:
        """Take octets off the network; the answer to a command once it is whole.

        Args:
            tag: The command's tag with one space behind it.
            data: Any number of octets, cut anywhere.

        Raises:
            RemoteProtocolError: The answer exceeds `max_octets`.

        Source: RFC 3501 §2.2.2, §4.3, §7.
        """
        octets = self._octets
        if not octets and data.endswith(CRLF) and _MAY_ANNOUNCE not in data:
            before_last = data.rfind(CRLF, 0, -2)
            start = before_last + 2 if before_last >= 0 else 0
            if data.startswith(tag, start):
                return Answer(data[start + len(tag) : -2], data[:start])
        octets += data
        start = self._completion(tag)
        end = octets.find(CRLF, start) if start >= 0 else -1
        if end < 0:
            self._bound(len(octets))
            return None
        plain = not self._answer_place.followed
        answer = Answer(bytes(octets[start + len(tag) : end]), bytes(octets[:start]), plain=plain)
        self._cut(end + 2)
        return answer

    def response(self, data: bytes = b"") -> bytes | None:
        """Take octets off the network; the next response, whole with its last CRLF, once it is here.

        Raises as `answer`.
        """
        octets, place = self._octets, self._response_place
        octets += data
        while len(octets) >= place.followed:
            end = octets.find(CRLF, place.scanned)
            if end < 0:
                place.scanned = max(place.followed, len(octets) - 1)
                self._bound(len(octets))
                return None
            if not octets.endswith(b"}", place.followed, end) or not self._follow(place, end):
                whole = bytes(octets[: end + 2])
                self._cut(end + 2)
                return whole
        return None

    def _completion(self, tag: bytes) -> int:
        """Where the line with this tag begins, -1 where it has not come yet."""
        octets, place = self._octets, self._answer_place
        mark = CRLF + tag
        while len(octets) >= place.followed:
            brace = octets.find(_MAY_ANNOUNCE, place.scanned)
            end = brace + 3 if brace >= 0 else len(octets)
            if not place.inside and octets.startswith(tag, place.followed, end):
                return place.followed
            if (found := octets.find(mark, place.followed, end)) >= 0:
                return found + 2
            if brace < 0:
                place.scanned = max(place.followed, len(octets) - 2)
                return -1
            self._follow(place, brace + 1)
        return -1

    def _follow(self, place: _Place, end: int) -> bool:
        """Go on behind the line that ends at `end`, and behind the literal that it announces; false for none."""
        octets = self._octets
        line_end = octets.rfind(CRLF, place.followed, end)
        start = line_end + 2 if line_end >= 0 else place.followed
        first = start > place.followed or not place.inside
        common = _FETCH.fullmatch(octets, start, end) if first else None
        if common is not None:
            literal: int | None = int(common[1])
        else:
            line = bytes(octets[start:end])
            literal = None if first and is_text(line) else announced(line)
        place.inside = literal is not None
        place.followed = place.scanned = end + 2 + (literal or 0)
        self._bound(place.followed)
        return place.inside

    def _cut(self, octets: int) -> None:
        del self._octets[:octets]
        self._answer_place, self._response_place = _Place(), _Place()

    def _bound(self, octets: int) -> None:
        if octets > self._max:
            raise RemoteProtocolError(f"an answer of {octets} octets or more, at most {self._max}")


def _lines(octets: bytes) -> list[bytes]:
    return [line + CRLF for line in octets.split(CRLF)[:-1]]


def _split(octets: bytes) -> list[bytes]:
    reader = AnswerReader(max(MAX_OCTETS, len(octets)))
    responses = []
    response = reader.response(octets)
    while response is not None:
        responses.append(response)
        response = reader.response()
    return responses
