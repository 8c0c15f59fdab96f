"""Octets in, responses out: where a response ends, literals and all."""

import re
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.parser import is_text, parse_response
from harness.wire.imap.responses import Enabled, Response
from harness.wire.lines import CRLF, LineBuffer

__all__ = ["MAX_RESPONSE_OCTETS", "ResponseReader", "announced"]

# Ours: what one response may have, literals included.
MAX_RESPONSE_OCTETS: Final = 64 * 1024 * 1024

# A literal is announced at a line's end, outside of quotes. The quantifiers are possessive: no line takes more
# than linear time.
_ANNOUNCED: Final = re.compile(rb'(?:[^"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
_LITERAL: Final = re.compile(rb"\{(?P<octets>[0-9]{1,20})\+?\}\Z")


_UTF8: Final = frozenset({"IMAP4REV2", "UTF8=ACCEPT"})


class ResponseReader:
    """Octets in, responses out. A response ends at the CRLF that announces no literal.

    Args:
        max_response_octets: What one response may have, literals included; no more is ever held of one.
        utf8: 8-bit octets in quoted strings and texts are no fault where they are UTF-8 (RFC 9051 §4.3); becomes true
            when the server says that IMAP4rev2 or UTF8=ACCEPT is enabled.
    """

    def __init__(self, *, max_response_octets: int = MAX_RESPONSE_OCTETS, utf8: bool = False) -> None:
        self.utf8 = utf8
        self._max = max_response_octets
        self._lines = LineBuffer(max_response_octets)
        self._raw = bytearray()
        self._literal: int | None = None
        self._failed: RemoteProtocolError | None = None

    @property
    def idle(self) -> bool:
        """True when no octet is held of a response that is not whole."""
        return not self._raw and not self._lines.pending

    def feed(self, data: bytes) -> list[Response]:
        """Take octets off the network and return the responses they complete.

        Args:
            data: Any number of octets, cut anywhere; ``b""`` changes nothing.

        Returns:
            Complete responses in arrival order. An unfinished one is kept.

        Raises:
            RemoteProtocolError: A response exceeds `max_response_octets`, or announces a literal that would. What
                was complete before is returned first; then every call raises.

        Source: RFC 3501 §2.2, §4.3, §7.
        """
        if self._failed is not None:
            raise self._failed
        self._lines.feed(data)
        responses: list[Response] = []
        try:
            while (raw := self._next_raw()) is not None:
                response = parse_response(raw, utf8=self.utf8)
                responses.append(response)
                self.utf8 |= isinstance(response, Enabled) and not _UTF8.isdisjoint(_upper(response))
        except RemoteProtocolError as exc:
            self._failed = exc
            if not responses:
                raise
        return responses

    def _next_raw(self) -> bytes | None:
        """The octets of the next response, None until it is whole."""
        while self._take_literal():
            line = self._lines.next_line()
            if line is None:
                self._bound(len(self._raw) + self._lines.pending)
                return None
            first = not self._raw
            self._raw += line + CRLF
            self._bound(len(self._raw))
            self._literal = None if first and is_text(line) else announced(line)
            if self._literal is None:
                raw = bytes(self._raw)
                self._raw.clear()
                return raw
            self._bound(len(self._raw) + self._literal)
        return None

    def _take_literal(self) -> bool:
        """Move a literal that was announced; False while it is not whole."""
        if self._literal is None:
            return True
        octets = self._lines.take(self._literal)
        if octets is None:
            return False
        self._raw += octets
        self._literal = None
        return True

    def _bound(self, octets: int) -> None:
        if octets > self._max:
            raise RemoteProtocolError(f"a response of {octets} octets or more, at most {self._max}")


def _upper(enabled: Enabled) -> set[str]:
    return {name.upper() for name in enabled.capabilities}


def announced(line: bytes) -> int | None:
    """The octets of the literal that a line announces at its end, None for none."""
    found = _LITERAL.search(line[-23:])
    if found is None or _ANNOUNCED.fullmatch(line) is None:
        return None
    return int(found["octets"])
