"""SMTP replies of a load run: the common shapes are cut, everything else is read by the wire core."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from harness.wire.smtp.replies import ReplyReader, read_extensions

__all__ = ["GOING_AWAY", "Replies", "extensions", "text"]

# The channel closes after it, whatever else was asked (RFC 5321 §3.8).
GOING_AWAY: Final = b"421"

_CRLF: Final = b"\r\n"


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
        held = self._held
        while not held:
            self._read(self._receive())
        return held.pop(0)

    def some(self, count: int) -> list[bytes]:
        """So many; fewer where one of them says that the channel closes, which is then the last.

        Raises:
            RemoteProtocolError, TransportError: As in `next`; what came before is `held`.
        """
        held = self._held
        while len(held) < count and not self._last_words():
            self._read(self._receive())
        if len(held) == count:
            self._held = []
            return held
        taken = held[:count]
        del held[:count]
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
        if self._reader is None:
            lines = octets.split(_CRLF)
            if not lines.pop() and _one_line_each(lines):
                self._held += lines
                return
        reader = self._reader = self._reader or ReplyReader()
        self._held += [reply.raw[:-2] for reply in reader.feed(octets)]
        if reader.idle:
            self._reader = None


def _one_line_each(lines: Sequence[bytes]) -> bool:
    return not [line for line in lines if line[3:4] != b" " or not line[:3].isdigit()]


@lru_cache(maxsize=64)
def extensions(reply: bytes) -> dict[str, str]:
    """What a reply to EHLO or LHLO offers: keyword in upper case -> its parameters."""
    return read_extensions(ReplyReader().feed(reply + _CRLF)[0])


def text(reply: bytes) -> str:
    """A reply for people, on one line."""
    return " / ".join(line.decode("latin-1") for line in reply.split(_CRLF))
