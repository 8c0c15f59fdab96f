"""What has happened in a world of late: sessions with their octets, and the journal's events; both in rings."""

import datetime as dt
import itertools
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from typing import Final

from reference_server.clock import Clock
from reference_server.console.news import News
from reference_server.journal import Direction, Event, Kind

__all__ = ["Moved", "Recorder", "Session", "SessionRecord"]

# Ours: what is kept. Of a session the beginning; of sessions and events the latest.
MAX_SESSIONS: Final = 1000
MAX_OCTETS: Final = 32 * 1024 * 1024
MAX_OCTETS_A_SESSION: Final = 256 * 1024
MAX_PIECES_A_SESSION: Final = 4000
MAX_EVENTS: Final = 2000
MAX_OCTETS_AN_EVENT: Final = 8 * 1024

_TOPICS: Final = {Kind.DNS: "dns", Kind.QUEUE: "queue", Kind.MAILBOX: "mail"}


@dataclass(frozen=True, slots=True)
class Moved:
    """One piece of a session: what was read or written at once, or a note.

    Attributes:
        at: By the world's clock, aware, UTC.
        octets: Without secrets; ``b""`` for a note.
        text: Of a note.
    """

    at: dt.datetime
    direction: Direction
    octets: bytes = b""
    text: str = ""
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it stands.

    Attributes:
        number: Rises from 1.
        protocol: ``smtp``, ``submission``, ``lmtp``, ``pop3`` or ``imap``.
        peer: The client's address; what it says its name is stands in the octets.
        user: Who is logged in.
        tls: ``TLSv1.3, TLS_AES_…``, ``""`` for none.
        octets_in, octets_out: All there were, those that are not kept too.
        left_out: Octets that are not kept, all of them after those that are.
    """

    number: int
    host: str
    protocol: str
    peer: str
    began: dt.datetime
    ended: dt.datetime | None = None
    user: str = ""
    tls: str = ""
    octets_in: int = 0
    octets_out: int = 0
    left_out: int = 0
    moved: tuple[Moved, ...] = field(default=(), repr=False)


class SessionRecord:
    """A session that goes on; all changes by way of its recorder, which guards it."""

    def __init__(self, recorder: "Recorder", session: Session) -> None:
        self._recorder = recorder
        self._session = session
        self._moved: list[Moved] = []
        self._kept_octets = 0

    @property
    def number(self) -> int:
        return self._session.number

    @property
    def ended(self) -> bool:
        return self._session.ended is not None

    @property
    def kept_octets(self) -> int:
        return self._kept_octets

    def moved(self, direction: Direction, octets: bytes, *, tls: bool) -> None:
        """Octets without secrets."""
        if octets:
            self._recorder.note(self, Moved(self._recorder.now(), direction, octets, tls=tls))

    def note(self, text: str) -> None:
        self._recorder.note(self, Moved(self._recorder.now(), Direction.NOTE, text=text))

    def knows(self, *, user: str, tls: str) -> None:
        """What is known of it by now."""
        if (user, tls) != (self._session.user, self._session.tls):
            self._session = replace(self._session, user=user, tls=tls)

    def end(self) -> None:
        """Twice is once."""
        if not self.ended:
            self.note("closed")
            self._session = replace(self._session, ended=self._recorder.now())

    def as_it_stands(self) -> Session:
        """Call with the recorder's lock held."""
        return replace(self._session, moved=tuple(self._moved))

    def keep(self, moved: Moved) -> int:
        """As `as_it_stands`; returns the octets that it took."""
        size = len(moved.octets)
        session = self._session
        if moved.direction is Direction.RECEIVED:
            session = replace(session, octets_in=session.octets_in + size)
        else:
            session = replace(session, octets_out=session.octets_out + size)
        full = self._kept_octets + size > MAX_OCTETS_A_SESSION or len(self._moved) >= MAX_PIECES_A_SESSION
        if size and (full or session.left_out):
            self._session = replace(session, left_out=session.left_out + size)
            return 0
        self._session = session
        if len(self._moved) < MAX_PIECES_A_SESSION:
            self._moved.append(moved)
        self._kept_octets += size
        return size


class Recorder:
    """Everything that is kept. Safe from every thread."""

    def __init__(self, clock: Clock, news: News) -> None:
        self._clock = clock
        self._news = news
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._sessions: OrderedDict[int, SessionRecord] = OrderedDict()
        self._octets = 0
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)

    def now(self) -> dt.datetime:
        return self._clock.now()

    # Sessions

    def begin(self, host: str, protocol: str, peer: str) -> SessionRecord:
        """A session begins."""
        session = Session(next(self._numbers), host, protocol, peer, self.now())
        record = SessionRecord(self, session)
        with self._lock:
            self._sessions[record.number] = record
            self._forget()
        self._news.tell(["sessions"])
        return record

    def note(self, record: SessionRecord, moved: Moved) -> None:
        """One more piece of a session."""
        with self._lock:
            kept = record.keep(moved)
            if record.number in self._sessions:
                self._octets += kept
                self._forget()
        self._news.tell(["sessions", f"session-{record.number}"])

    def sessions(self) -> list[Session]:
        """The latest first."""
        with self._lock:
            return [record.as_it_stands() for record in reversed(self._sessions.values())]

    def session(self, number: int) -> Session | None:
        """None where it is not kept any more."""
        with self._lock:
            record = self._sessions.get(number)
            return record.as_it_stands() if record else None

    def open_sessions(self) -> int:
        """How many go on."""
        with self._lock:
            return sum(not record.ended for record in self._sessions.values())

    def forget_sessions(self) -> None:
        """All but those that go on."""
        with self._lock:
            for number, record in list(self._sessions.items()):
                if record.ended:
                    self._drop(number)
        self._news.tell(["sessions"])

    def _forget(self) -> None:
        while len(self._sessions) > MAX_SESSIONS or (self._octets > MAX_OCTETS and len(self._sessions) > 1):
            self._drop(next(iter(self._sessions)))

    def _drop(self, number: int) -> None:
        self._octets -= self._sessions.pop(number).kept_octets

    # Events

    def hear(self, event: Event) -> None:
        """For `Journal.listen`."""
        kept = replace(event, octets=event.octets[:MAX_OCTETS_AN_EVENT])
        with self._lock:
            self._events.append(kept)
        topic = _TOPICS.get(event.kind)
        self._news.tell(["events", topic] if topic else ["events"])

    def events(self, *kinds: Kind) -> list[Event]:
        """The latest first; of these kinds, or of all."""
        with self._lock:
            kept = tuple(self._events)
        return [event for event in reversed(kept) if not kinds or event.kind in kinds]
