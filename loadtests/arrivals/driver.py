"""The driver: starts one worker's share of the arrivals at their time, whatever the server does.

Nothing here waits for a session. An arrival that finds `max_sessions` under way waits for the first of them to end;
it begins late, its latencies count from when it was due, and it is counted.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from time import monotonic
from typing import Final, NamedTuple, Protocol

import gevent
from gevent.event import Event
from gevent.hub import get_hub

from loadtests.arrivals.alarm import Alarm
from loadtests.arrivals.schedule import Division, Epoch, Schedule

__all__ = ["LATE_AFTER_S", "UNCOUNTED", "Driven", "Driver", "Kind", "Made"]

# Ours: far more than the alarm is late by on a quiet machine, and less than people notice.
LATE_AFTER_S: Final = 0.010

# Ours: of other workers' arrivals, those so near are passed by without waking for each. A new division that reaches
# us later than this before its first arrival comes too late.
_PASSED_BY_S: Final = 0.25

# Ours: who wakes so much too late was stopped for a while. What was said in the meantime, that others have its share
# now for one, is heard before the arrivals that it missed are made; a moment is enough for that.
_AWAY_S: Final = 1.0
_NEWS_S: Final = 0.05

# The phase of sessions that only warm up.
UNCOUNTED: Final = -1


class Driven(Protocol):
    """A user whose sessions are started here; `MailUser` is one."""

    def run_session(self, due_s: float, phase: int) -> None:
        """One session, to its end. `due_s` is of `time.monotonic`. Errors are recorded, and do not leave it."""


class Kind(NamedTuple):
    """A kind of user: how one is made, and how often it is taken, against the others."""

    make: Callable[[], Driven]
    weight: float = 1.0


@dataclass
class Made:
    """What the driver did with its share of a phase.

    Attributes:
        due: Their time has come.
        begun: Sessions that were started.
        late: Started more than `LATE_AFTER_S` after their time.
        given_up: Due, and never begun: the phase was ended before a session was free.
    """

    due: int = 0
    begun: int = 0
    late: int = 0
    worst_late_s: float = 0.0
    given_up: int = 0

    def begin(self, late_s: float) -> None:
        """Count a session that starts."""
        self.begun += 1
        self.worst_late_s = max(self.worst_late_s, late_s)
        if late_s > LATE_AFTER_S:
            self.late += 1


class _Session(NamedTuple):
    due_s: float
    phase: int
    kind: int
    made: Made


class _Seat:
    """A greenlet in which one user serves session after session: to spawn one costs 14 us, to wake one 1 us.

    Attributes:
        session: What it is to begin; None from then on.
    """

    def __init__(self) -> None:
        self.session: _Session | None = None
        self.greenlet: gevent.Greenlet | None = None


class Driver:
    """Starts sessions by a schedule. `time.monotonic` is its clock."""

    def __init__(
        self,
        kinds: Sequence[Kind],
        *,
        max_sessions: int,
        seed: int = 0,
        on_due: Callable[[float, int], None] = lambda _due_s, _phase: None,
    ) -> None:
        """`on_due` hears of each arrival's time and phase when it comes, whether a session is free or not."""
        self.max_sessions: Final = max_sessions
        self._kinds: Final = kinds
        self._up_to: Final = list(accumulate(kind.weight for kind in kinds))
        self._random: Final = Random(seed)  # noqa: S311 - which kind of user comes is no secret
        self._on_due: Final = on_due
        self._hub: Final = get_hub()
        self._alarm: Final = Alarm()
        self._idle: Final[list[list[_Seat]]] = [[] for _ in kinds]
        self._busy: Final[set[_Seat]] = set()
        self._waiting: Final[deque[_Session]] = deque()
        self._quiet: Final = Event()
        self._quiet.set()
        self._pacer: gevent.Greenlet | None = None
        self._division = Division.among([0])
        self._next = 0
        self._made = Made()

    @property
    def active(self) -> int:
        """Sessions under way."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """Arrivals that are due and wait for a session to end."""
        return len(self._waiting)

    @property
    def next_number(self) -> int:
        """The first arrival of the phase, of anybody's, that has not been looked at yet."""
        return self._next

    @property
    def made(self) -> Made:
        """What was done since the phase began, as it is now."""
        return replace(self._made)

    def start(
        self, schedule: Schedule, division: Division, member: int, *, began_s: float, phase: int
    ) -> None:
        """Begin a phase, stopping the one before it; its time 0 is `began_s`."""
        self.stop()
        self._division = division
        self._next = 0
        self._made = Made()
        self._pacer = gevent.spawn(self._pace, schedule, member, began_s, phase)

    def reshare(self, epoch: Epoch) -> bool:
        """Divide the arrivals from the epoch's first one on anew.

        Returns:
            False: it came too late, some of them have been taken by the old division.
        """
        in_time = epoch.from_number >= self._next
        self._division.reshare(epoch)
        return in_time

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait until every arrival of the phase was due, or it was stopped; false when the limit came first."""
        if self._pacer is not None:
            self._pacer.join(limit_s)
        return self._pacer is None or self._pacer.dead

    def stop(self) -> None:
        """No more arrivals; those that wait are given up. Sessions go on."""
        if self._pacer is not None:
            self._pacer.kill()
        for session in self._waiting:
            session.made.given_up += 1
        self._waiting.clear()

    def drain(self, limit_s: float) -> int:
        """Wait until no session is under way, then stop, and end those that still are.

        Returns:
            How many sessions had to be ended.
        """
        self._quiet.wait(limit_s)
        self.stop()
        left = list(self._busy)
        gevent.killall([seat.greenlet for seat in left])
        for seat in self._busy.intersection(left):
            self._leave(seat)  # its greenlet was never entered
        return len(left)

    def close(self) -> None:
        """End everything at once; the driver cannot be used again."""
        self.drain(0)
        gevent.killall([seat.greenlet for seats in self._idle for seat in seats])
        self._alarm.close()

    def _pace(self, schedule: Schedule, member: int, began_s: float, phase: int) -> None:
        made, on_due = self._made, self._on_due
        with self._alarm as alarm:
            for number, after_s, counted in schedule.arrivals():
                due_s = began_s + after_s
                ours = self._division.owner(number) == member
                if ours or due_s > monotonic() + _PASSED_BY_S:
                    waits = monotonic() < due_s
                    alarm.wait_until(due_s)
                    if waits and monotonic() > due_s + _AWAY_S:
                        alarm.wait_until(monotonic() + _NEWS_S)
                    ours = self._division.owner(number) == member
                self._next = number + 1
                if not ours:
                    continue
                session = _Session(due_s, phase if counted else UNCOUNTED, self._kind(), made)
                made.due += 1
                on_due(due_s, session.phase)
                if len(self._busy) < self.max_sessions:
                    self._begin(session)
                else:
                    self._waiting.append(session)

    def _kind(self) -> int:
        """Which kind of user comes, by weight."""
        if len(self._kinds) == 1:
            return 0
        point = self._random.random() * self._up_to[-1]
        return next(at for at, up_to in enumerate(self._up_to) if point < up_to)

    def _begin(self, session: _Session) -> None:
        """Give the session to an idle user, or to a new one; it runs at the loop's next turn."""
        idle = self._idle[session.kind]
        seat = idle.pop() if idle else _Seat()
        seat.session = session
        self._busy.add(seat)
        self._quiet.clear()
        if seat.greenlet is None:
            seat.greenlet = gevent.spawn(self._live, seat, self._kinds[session.kind])
        else:
            self._hub.loop.run_callback(seat.greenlet.switch)

    def _live(self, seat: _Seat, kind: Kind) -> None:
        """A seat's life: session after session, and waiting between them."""
        try:
            user = kind.make()
            while True:
                # A watcher that a session left behind may wake us for nothing.
                while (session := seat.session) is None:
                    self._hub.switch()
                seat.session = None
                session.made.begin(monotonic() - session.due_s)
                user.run_session(session.due_s, session.phase)
                self._end(seat, session)
        finally:
            if seat in self._busy:
                self._leave(seat)

    def _end(self, seat: _Seat, ended: _Session) -> None:
        """Take the arrival that has waited longest, or wait for one."""
        waiting = self._waiting
        if waiting and waiting[0].kind == ended.kind:
            seat.session = waiting.popleft()
        else:
            self._idle[ended.kind].append(seat)
            self._leave(seat)

    def _leave(self, seat: _Seat) -> None:
        self._busy.discard(seat)
        if seat.session is not None:
            seat.session.made.given_up += 1
        if self._waiting:
            self._begin(self._waiting.popleft())
        elif not self._busy:
            self._quiet.set()
