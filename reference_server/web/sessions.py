"""Who is logged in at which browser, and who tries to be. All of it is in memory and gone with the process."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

__all__ = ["Attempts", "Session", "Sessions", "same"]

# Ours: sessions at once, and how long one lasts that nobody uses.
MAX_SESSIONS: Final = 1000
IDLE_S: Final = 30 * 60.0

# Ours: log-ins that fail within this time, of one user from one address and of all from it, before the next has to
# wait. Nobody locks out who is somewhere else.
FAILURES_OF_USER: Final = 5
FAILURES_OF_ADDRESS: Final = 20
WINDOW_S: Final = 5 * 60.0
_MAX_REMEMBERED: Final = 10_000

T = TypeVar("T")


def same(given: str, known: str) -> bool:
    """Whether two tokens are one, in a time that does not tell how much of them is."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), known.encode())


@dataclass(slots=True)
class Session(Generic[T]):
    """One browser's.

    Attributes:
        token: Its cookie's.
        csrf: What every form of it carries.
        who: Whatever belongs to the person.
        notes: What the next page says, once.
    """

    who: T
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    notes: list[str] = field(default_factory=list)
    used_s: float = 0.0


class Sessions(Generic[T]):
    """The sessions there are, the one that was used last at the end.

    Args:
        clock: Seconds of some beginning.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_token: OrderedDict[str, Session[T]] = OrderedDict()

    def begin(self, who: T) -> Session[T]:
        """A new session, under a token that nobody had."""
        session = Session(who)
        session.used_s = self._clock()
        self._by_token[session.token] = session
        return session

    def get(self, token: str | None, *, used: bool = True) -> Session[T] | None:
        """The session of a cookie, None where there is none (any more).

        Args:
            used: Somebody is there; what a page does by itself does not keep a session alive.
        """
        session = self._by_token.get(token or "")
        if session is None or self._clock() - session.used_s > IDLE_S:
            return None
        if used:
            session.used_s = self._clock()
            self._by_token.move_to_end(session.token)
        return session

    def end(self, session: Session[T]) -> None:
        """Twice is once."""
        self._by_token.pop(session.token, None)

    def take_expired(self) -> list[Session[T]]:
        """Those that nobody used for long, and those that are too many: they are ended here."""
        now = self._clock()
        over = len(self._by_token) - MAX_SESSIONS
        expired = [
            session
            for number, session in enumerate(self._by_token.values())
            if number < over or now - session.used_s > IDLE_S
        ]
        for session in expired:
            self.end(session)
        return expired

    def all(self) -> list[Session[T]]:
        return list(self._by_token.values())


class Attempts:
    """Counts log-ins that failed, by user and by address, so that nobody can try passwords quickly."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed_s: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def wait_s(self, user: str, address: str) -> float:
        """Seconds until this user, from this address, may try; 0 for now."""
        return max(
            self._wait_s((user, address), FAILURES_OF_USER), self._wait_s(("", address), FAILURES_OF_ADDRESS)
        )

    def failed(self, user: str, address: str) -> None:
        for key in ((user, address), ("", address)):
            self._failed_s.setdefault(key, []).append(self._clock())
            self._failed_s.move_to_end(key)
        while len(self._failed_s) > _MAX_REMEMBERED:
            self._failed_s.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """What was counted before it was known does not count."""
        self._failed_s.pop((user, address), None)
        if of_address := self._failed_s.get(("", address)):
            of_address.pop()

    def _wait_s(self, key: tuple[str, str], allowed: int) -> float:
        now = self._clock()
        recent = [at for at in self._failed_s.get(key, ()) if now - at < WINDOW_S]
        if key in self._failed_s:
            self._failed_s[key] = recent
        return WINDOW_S - (now - recent[-allowed]) if len(recent) >= allowed else 0.0
