"""What happens in a world, step by step, for those who watch: `mailproof trace` and tests."""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from reference_server.clock import Clock
from reference_server.relay.model import Fate

__all__ = ["Direction", "Event", "Journal", "Kind", "Place"]


class Kind(StrEnum):
    """The part of the mail system that did it."""

    SUBMISSION = "submission"
    DNS = "dns"
    ROUTE = "route"
    SMTP = "smtp"
    LMTP = "lmtp"
    QUEUE = "queue"
    FILTER = "filter"
    MDA = "mda"
    MAILBOX = "mailbox"
    DSN = "dsn"


class Direction(StrEnum):
    """From the acting host's side."""

    SENT = "sent"
    RECEIVED = "received"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a copy of a message is: the user's address, the mailbox, and its UID there, 0 where it has none."""

    address: str
    mailbox: str
    uid: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        at: By the world's clock, aware, UTC.
        host: Who did it: a host's name, ``"dns"`` for the DNS.
        peer: The other side, ``""`` where there is none.
        text: What happened, in one line, without octets from outside.
        octets: What was on the wire or on disk; ``b""`` for a note.
        queue_id: Which message, where it has an id already.
        place: Of MAILBOX: where the copy is.
        fate: Of QUEUE: what became of a recipient in an attempt.
        facts: More to it, a line each: what a filter changed.
    """

    at: dt.datetime
    host: str
    kind: Kind
    text: str
    peer: str = ""
    direction: Direction = Direction.NOTE
    octets: bytes = b""
    queue_id: str = ""
    place: Place | None = None
    fate: Fate | None = None
    facts: tuple[str, ...] = ()


class Journal:
    """Tells every event to who listens; keeps none itself. Safe from every thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Event], None]] = []

    @property
    def watched(self) -> bool:
        """Whether anybody listens: octets need not be collected for nobody."""
        return bool(self._listeners)

    def note(
        self,
        host: str,
        kind: Kind,
        text: str,
        *,
        peer: str = "",
        direction: Direction = Direction.NOTE,
        octets: bytes = b"",
        queue_id: str = "",
        place: Place | None = None,
        fate: Fate | None = None,
        facts: tuple[str, ...] = (),
    ) -> None:
        """Tell an event that happens now."""
        if not self._listeners:
            return
        now = self._clock.now()
        event = Event(now, host, kind, text, peer, direction, octets, queue_id, place, fate, facts)
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(event)

    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call back for every event, in the thread it happens in, quickly; returns the way to stop."""
        with self._lock:
            self._listeners.append(callback)

        def unlisten() -> None:
            with self._lock:
                self._listeners.remove(callback)

        return unlisten
