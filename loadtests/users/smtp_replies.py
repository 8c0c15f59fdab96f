"""SMTP replies of a load run: the common shapes are cut, everything else is read by the wire core."""

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.smtp.replies import ReplyReader, read_extensions

__all__ = ["GOING_AWAY", "Replies", "extensions", "text"]

# The channel closes after it, whatever else was asked (RFC 5321 §3.8).
GOING_AWAY: Final = b"421"

_CRLF: Final = b"\r\n"

# How the last line of a reply, or the only one, begins (RFC 5321 §4.2).
_LAST_LINES: Final = frozenset(b"%d " % code for code in range(200, 560))
_beginning: Final = itemgetter(slice(4))

Enough = Callable[[bytes], bool]


class Replies:
    """Replies, each as the octets of its lines without the last CRLF.

    Args:
        receive: Gives the octets that come next, never none. It is told what would be enough of them, to wait for;
            fewer will do.
    """

    __slots__ = ("_held", "_reader", "_receive")

    def __init__(self, receive: Callable[[Enough | None], bytes]) -> None:
        self._receive = receive
        self._held: list[bytes] = []
        self._reader: ReplyReader | None = None

    def next(self, behind: int = 0) -> bytes:
        """The next one.

        Args:
            behind: So many more are awaited behind it, and nothing is sent before they are here: they are waited for
                in one go with it.

        Raises:
            RemoteProtocolError: These octets are no reply.
            TransportError: What `receive` raises.
        """
        if not self._held and self._reader is None:
            octets = self._receive(_lines(1 + behind) if behind else None)
            if octets[:4] in _LAST_LINES and octets.find(_CRLF) == len(octets) - 2:
                return octets[:-2]
            self._take(octets)
        while not self._held:
            self._read()
        return self._held.pop(0)

    def some(self, count: int) -> list[bytes]:
        """So many; fewer where one of them says that the channel closes, which is then the last.

        Raises:
            RemoteProtocolError, TransportError: As in `next`; what came before is `held`.
        """
        while (missing := count - len(self._held)) > 0:
            if self._held and self._held[-1].startswith(GOING_AWAY):
                break
            self._read(_lines(missing))
        held = self._held
        self._held = held[count:]
        return held[:count]

    @property
    def held(self) -> int:
        """Replies that are here and were not taken."""
        return len(self._held)

    def forget(self) -> None:
        """Drop what is here: after STARTTLS it is nobody's reply (RFC 3207 §4.2)."""
        self._held.clear()
        self._reader = None

    def _read(self, enough: Enough | None = None) -> None:
        if self._reader is not None:
            # Raises what an earlier call held back, for replies came before it.
            self._reader.feed(b"")
            if self._reader.idle:
                self._reader = None
        self._take(self._receive(enough))

    def _take(self, octets: bytes) -> None:
        if self._reader is None:
            lines = octets.split(_CRLF)
            if not lines.pop() and _LAST_LINES.issuperset(map(_beginning, lines)):
                self._held += lines
                return
            if _is_one_reply(octets):
                self._held.append(octets[:-2])
                return
            self._reader = ReplyReader()
        self._held += [reply.raw[:-2] for reply in self._reader.feed(octets)]


@lru_cache
def _lines(count: int) -> Enough:
    """True of so many lines; or where a 421 may be among them, behind which nothing may come."""
    return lambda octets: octets.count(b"\n") >= count or GOING_AWAY in octets


# A server greets and answers EHLO alike on every connection.
@lru_cache(maxsize=64)
def _is_one_reply(octets: bytes) -> bool:
    try:
        return [reply.raw for reply in ReplyReader().feed(octets)] == [octets]
    except RemoteProtocolError:
        return False


@lru_cache(maxsize=64)
def extensions(reply: bytes) -> dict[str, str]:
    """What a reply to EHLO or LHLO offers: keyword in upper case -> its parameters."""
    return read_extensions(ReplyReader().feed(reply + _CRLF)[0])


def text(reply: bytes) -> str:
    """A reply for people, on one line."""
    return " / ".join(line.decode("latin-1") for line in reply.split(_CRLF))
