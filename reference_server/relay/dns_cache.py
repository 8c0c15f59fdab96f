"""What the DNS said, for as long as it may be remembered."""

import datetime as dt
from typing import Final, Generic, TypeVar

from reference_server.clock import Clock

__all__ = ["DnsCache"]

T = TypeVar("T")

# Ours: a relay meets no more names in a TTL, and a hostile one cannot make it remember more.
_ENTRIES: Final = 4096


class DnsCache(Generic[T]):
    """Answers by question; each is forgotten when its TTL is over, the oldest when there are too many.

    Args:
        clock: The world's, which a test moves. None: nothing is remembered.

    Source: RFC 1035 §3.2.1: a TTL of 0 is for this once; RFC 2308 for what is not there.
    """

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._known: dict[tuple[object, ...], tuple[dt.datetime, T]] = {}

    def get(self, *question: object) -> T | None:
        """None where it has to be asked (again)."""
        if self._clock is None or question not in self._known:
            return None
        until, answer = self._known[question]
        if self._clock.now() < until:
            return answer
        del self._known[question]
        return None

    def keep(self, answer: T, ttl_s: float, *question: object) -> None:
        """Remember it so long."""
        if self._clock is None or ttl_s <= 0:
            return
        self._known.pop(question, None)
        if len(self._known) >= _ENTRIES:
            del self._known[next(iter(self._known))]
        self._known[question] = (self._clock.now() + dt.timedelta(seconds=ttl_s), answer)
