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

from loadtests.arrivals.schedule import Division, Epoch, Schedule

__all__ = ["LATE_AFTER_S", "UNCOUNTED", "Driven", "Driver", "Kind", "Made"]

# Ours: ten times what a timer of the event loop is late by on a quiet machine, and less than people notice.
LATE_AFTER_S: Final = 0.010

# The phase of sessions that only warm up.
UNCOUNTED: Final = -1


class Driven(Protocol):
    """A user whose sessions are started here; `MailUser` is one."""

    def run_session(self, due_s: float, phase: int) -> None:
        """One session, to its end. `due_s` is on the driver's clock. Errors are recorded, and do not leave it."""


class Kind(NamedTuple):
    """A kind of user: how one is made, and how often it is taken, against the others."""

    make: Callable[[], Driven]
    weight: float = 1.0


@dataclass
class Made:
    """What the driver did with its share of the arrivals.

    Attributes:
        due: Their time has come.
        begun: Sessions that were started.
        late: Started more than `LATE_AFTER_S` after their time.
        given_up: Due, and never begun: the run was stopped before a session was free.
    """

    due: int = 0
    begun: int = 0
    late: int = 0
    worst_late_s: float = 0.0
    given_up: int = 0


class _Waiting(NamedTuple):
    due_s: float
    phase: int
    kind: int


class Driver:
    """Starts sessions by a schedule, in greenlets."""

    def __init__(
        self,
        kinds: Sequence[Kind],
        *,
        max_sessions: int,
        seed: int = 0,
        on_due: Callable[[float, int], None] = lambda _due_s, _phase: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`on_due` hears of each arrival's time (on `clock`) and phase when it comes, session free or not."""
        self.max_sessions: Final = max_sessions
        self._kinds: Final = kinds
        self._up_to: Final = list(accumulate(kind.weight for kind in kinds))
        self._random: Final = Random(seed)  # noqa: S311 - which kind of user comes is no secret
        self._on_due: Final = on_due
        self._clock: Final = clock
        self._idle: Final[list[list[Driven]]] = [[] for _ in kinds]
        self._waiting: Final[deque[_Waiting]] = deque()
        self._sessions: Final[set[gevent.Greenlet]] = set()
        self._none_active: Final = Event()
        self._none_active.set()
        self._pacer: gevent.Greenlet | None = None
        self._division = Division.among([0])
        self._next = 0
        self._made = Made()

    @property
    def active(self) -> int:
        """Sessions under way."""
        return len(self._sessions)

    @property
    def waiting(self) -> int:
        """Arrivals that are due and wait for a session to end."""
        return len(self._waiting)

    @property
    def made(self) -> Made:
        """What was done since the phase began, as it is now."""
        return replace(self._made)

    def start(
        self, schedule: Schedule, division: Division, member: int, *, began_s: float, phase: int
    ) -> None:
        """Begin a phase: its time 0 is `began_s` on the clock. The phase before it has ended or was stopped."""
        self.stop()
        self._division = division
        self._next = 0
        self._made = Made()
        self._pacer = gevent.spawn(self._pace, schedule, member, began_s, phase)

    def reshare(self, epoch: Epoch) -> bool:
        """Divide the arrivals from the epoch's first one on anew.

        Returns:
            False: it came too late, arrivals of the new epoch have been taken by the old one's division.
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
        self._made.given_up += len(self._waiting)
        self._waiting.clear()

    def drain(self, limit_s: float) -> int:
        """Wait until no session is under way; then end what is left.

        Returns:
            How many sessions had to be ended.
        """
        self._none_active.wait(limit_s)
        left = list(self._sessions)
        gevent.killall(left)
        return len(left)

    def _pace(self, schedule: Schedule, member: int, began_s: float, phase: int) -> None:
        clock, on_due, made = self._clock, self._on_due, self._made
        for number, after_s, counted in schedule.arrivals():
            due_s = began_s + after_s
            ahead_s = due_s - clock()
            if ahead_s > 0:
                gevent.sleep(ahead_s)
            self._next = number + 1
            if self._division.owner(number) != member:
                continue
            session = _Waiting(due_s, phase if counted else UNCOUNTED, self._kind())
            made.due += 1
            on_due(due_s, session.phase)
            if len(self._sessions) < self.max_sessions:
                self._begin(session)
            else:
                self._waiting.append(session)

    def _kind(self) -> int:
        """Which kind of user comes, by weight."""
        if len(self._kinds) == 1:
            return 0
        point = self._random.random() * self._up_to[-1]
        return next(at for at, up_to in enumerate(self._up_to) if point < up_to)

    def _begin(self, session: _Waiting) -> None:
        greenlet = gevent.Greenlet(self._run, session)
        self._sessions.add(greenlet)
        self._none_active.clear()
        greenlet.start()

    def _run(self, session: _Waiting) -> None:
        made, idle = self._made, self._idle[session.kind]
        late_s = self._clock() - session.due_s
        made.begun += 1
        made.worst_late_s = max(made.worst_late_s, late_s)
        if late_s > LATE_AFTER_S:
            made.late += 1
        try:
            user = idle.pop() if idle else self._kinds[session.kind].make()
            user.run_session(session.due_s, session.phase)
            idle.append(user)
        finally:
            self._sessions.discard(gevent.getcurrent())
            if self._waiting:
                self._begin(self._waiting.popleft())
            elif not self._sessions:
                self._none_active.set()
