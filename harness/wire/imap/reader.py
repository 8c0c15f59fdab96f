"""Octets in, responses out: framing with literals, bounded memory."""

import re
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.imap.parser import parse_response
from harness.wire.imap.responses import Response
from harness.wire.lines import LineBuffer

__all__ = ["MAX_RESPONSE", "ResponseReader"]

# Ours: what one response may hold, literals included; and one line of it.
MAX_RESPONSE: Final = 128 * 1024 * 1024
MAX_LINE: Final = 4 * 1024 * 1024

_LITERAL_END: Final = re.compile(rb"\{([0-9]{1,20})\+?\}\Z")

# RFC 3501 §7.1 and §7.5: these end in a text, where a brace is only a brace.
_TEXT_RESPONSE: Final = re.compile(rb"\+|[^ ]+ (?:OK|NO|BAD|BYE|PREAUTH)(?: |\Z)", re.IGNORECASE)


class ResponseReader:
    """Octets in, responses out.

    Args:
        max_response: How many octets one response may have.
    """

    def __init__(self, max_response: int = MAX_RESPONSE) -> None:
        self._max_response = max_response
        self._lines = LineBuffer(min(MAX_LINE, max_response))
        self._parts = bytearray()
        self._literal = 0

    @property
    def idle(self) -> bool:
        """True when no octet of an unfinished response is held."""
        return not self._parts and not self._lines.pending

    def feed(self, data: bytes) -> list[Response]:
        """Take octets off the network and return the responses they complete.

        Args:
            data: Any number of octets, cut anywhere; ``b""`` changes nothing.

        Raises:
            RemoteProtocolError: A response or a line of one is too long; the reader must not be fed again. What a
                response gets wrong otherwise is noted on it.

        Source: RFC 3501 §2.2.2, §4.3.
        """
        self._lines.feed(data)
        responses = []
        while (raw := self._next()) is not None:
            responses.append(parse_response(raw))
        return responses

    def _next(self) -> bytes | None:
        """The octets of the next whole response."""
        while True:
            while self._literal:
                taken = self._lines.take_up_to(self._literal)
                if not taken:
                    return None
                self._parts += taken
                self._literal -= len(taken)
            line = self._lines.next_line()
            if line is None:
                return None
            self._parts += line + b"\r\n"
            literal = None if _TEXT_RESPONSE.match(self._parts) else _LITERAL_END.search(line)
            self._literal = int(literal[1]) if literal else 0
            if len(self._parts) + self._literal > self._max_response:
                raise RemoteProtocolError(f"a response of more than {self._max_response} octets")
            if literal is None:
                raw = bytes(self._parts)
                self._parts.clear()
                return raw
