"""SMTP replies of a load run: the common shapes are cut, everything else is read by the wire core."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.smtp.replies import ReplyReader, read_extensions

__all__ = ["GOING_AWAY", "Replies", "extensions", "text"]

# The channel closes after it, whatever else was asked (RFC 5321 §3.8).
GOING_AWAY: Final = b"421"

_SPACE, _CRLF = b" ", b"\r\n"


class Replies:
    """Replies, each as the octets of its lines without the last CRLF.

    Args:
        receive: Gives the octets that come next, never none.
    """

    __slots__ = ("_held", "_reader", "_receive")

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._held: list[bytes] = []
        self._reader: ReplyReader | None = None

    def next(self) -> bytes:
        """The next one.

        Raises:
            RemoteProtocolError: These octets are no reply.
            TransportError: What `receive` raises.
        """
        if not self._held and self._reader is None:
            octets = self._receive()
            if octets.find(_CRLF) == len(octets) - 2 and octets[3:4] == _SPACE and octets[:3].isdigit():
                return octets[:-2]
            if _is_one_reply(octets):
                return octets[:-2]
            self._read(octets)
        return self.some(1)[0]

    def some(self, count: int) -> list[bytes]:
        """So many; fewer where one of them says that the channel closes, which is then the last.

        Raises:
            RemoteProtocolError, TransportError: As in `next`; what came before is `held`.
        """
        if not self._held and self._reader is None:
            octets = self._receive()
            lines = octets.split(_CRLF)
            if len(lines) == count + 1 and not lines[-1] and all(map(_is_whole, lines[:-1])):
                lines.pop()
                return lines
            self._read(octets)
        while len(self._held) < count and not self._last_words():
            self._read(self._receive())
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    @property
    def held(self) -> int:
        """Replies that are here and were not taken."""
        return len(self._held)

    def forget(self) -> None:
        """Drop what is here: after STARTTLS it is nobody's reply (RFC 3207 §4.2)."""
        self._held.clear()
        self._reader = None

    def _last_words(self) -> bool:
        return bool(self._held) and self._held[-1].startswith(GOING_AWAY)

    def _read(self, octets: bytes) -> None:
        reader = self._reader = self._reader or ReplyReader()
        self._held += [reply.raw[:-2] for reply in reader.feed(octets)]
        if reader.idle:
            self._reader = None


def _is_whole(line: bytes) -> bool:
    return line[3:4] == _SPACE and line[:3].isdigit()


# The same EHLO is answered alike on every connection.
@lru_cache(maxsize=64)
def _is_one_reply(octets: bytes) -> bool:
    reader = ReplyReader()
    try:
        return len(reader.feed(octets)) == 1 and reader.idle
    except RemoteProtocolError:
        return False


@lru_cache(maxsize=64)
def extensions(reply: bytes) -> dict[str, str]:
    """What a reply to EHLO or LHLO offers: keyword in upper case -> its parameters."""
    return read_extensions(ReplyReader().feed(reply + _CRLF)[0])


def text(reply: bytes) -> str:
    """A reply for people, on one line."""
    return " / ".join(line.decode("latin-1") for line in reply.split(_CRLF))
