"""What one generator process counts in one phase of a run, and what it sends of it.

A recorder appends to `samples` and counts in the other attributes as things happen; that is all the hot path pays.
Once a second somebody calls `tick`, which turns the samples into histograms of that second; `drain` hands over all
seconds since the last time. What was drained, whenever that was, adds up to everything that was counted.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from loadtests.figures.histogram import Latencies

__all__ = ["Batch", "Second", "Sessions", "Tally", "TallyDelta"]


class Sessions(msgspec.Struct, kw_only=True):
    """Sessions counted.

    Attributes:
        due: The schedule asked for them (in closed mode: they were begun).
        completed: Ended without an error; `failed`: ended with one.
        late: Begun more than `late_after_ms` after their time.
        abandoned: Begun by a process that then died.
    """

    due: int = 0
    begun: int = 0
    completed: int = 0
    failed: int = 0
    late: int = 0
    worst_late_ms: float = 0.0
    abandoned: int = 0

    @property
    def active(self) -> int:
        """Sessions that go on."""
        return self.begun - self.completed - self.failed - self.abandoned

    def merge(self, other: "Sessions") -> None:
        self.due += other.due
        self.begun += other.begun
        self.completed += other.completed
        self.failed += other.failed
        self.late += other.late
        self.worst_late_ms = max(self.worst_late_ms, other.worst_late_ms)
        self.abandoned += other.abandoned


class Second(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in one second of the run (or since the last `tick`, where that was longer ago).

    Attributes:
        at_s: The second it belongs to, from the run's start.
        failures: operation -> error class -> how many.
        latencies: operation -> `Latencies.to_octets()` of those that succeeded.
        octets: operation -> octets of messages sent or read.
    """

    at_s: int
    sessions: Sessions
    failures: dict[str, dict[str, int]]
    latencies: dict[str, bytes]
    octets: dict[str, int]


class TallyDelta(msgspec.Struct, frozen=True, kw_only=True):
    """What a process sends to the master: all seconds since it last did."""

    seconds: list[Second]


class Batch(NamedTuple):
    """The raw samples of one `tick`, for those who keep another table of them (Locust's)."""

    samples_s: dict[str, list[float]]
    failures: dict[tuple[str, str], int]
    octets: dict[str, int]


class Tally:
    """One process's figures of one phase.

    Attributes:
        samples: operation -> seconds of each success; appended to directly. The lists stay the same objects, so
            that a recorder may keep their `append`.
        failures: (operation, error class) -> how many.
        octets: operation -> octets of messages sent or read.
        sessions: Since the last tick.
        heard: Called by each `tick` with the samples it takes.
    """

    def __init__(
        self, started_s: float, *, late_after_ms: float = 10.0, heard: Callable[[Batch], None] | None = None
    ) -> None:
        """
        Args:
            started_s: When the run began, on the clock of `tick` and `drain`; seconds are counted from it.
            heard: Called by each `tick` with the samples it takes.
        """
        self.samples: defaultdict[str, list[float]] = defaultdict(list)
        self.failures: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.octets: defaultdict[str, int] = defaultdict(int)
        self.sessions = Sessions()
        self._started_s = started_s
        self._late_after_ms = late_after_ms
        self.heard = heard
        self._ticked_s: float | None = None
        self._seconds: list[Second] = []

    def session_due(self) -> None:
        self.sessions.due += 1

    def session_begun(self, late_s: float = 0.0) -> None:
        """Count a session that began so long after its time."""
        sessions = self.sessions
        sessions.begun += 1
        if late_s > 0:
            late_ms = late_s * 1000
            sessions.late += late_ms > self._late_after_ms
            sessions.worst_late_ms = max(sessions.worst_late_ms, late_ms)

    def session_ended(self, *, ok: bool) -> None:
        if ok:
            self.sessions.completed += 1
        else:
            self.sessions.failed += 1

    def tick(self, now_s: float) -> None:
        """Close a second: what was counted since the last tick belongs to the middle of that time."""
        before_s = now_s if self._ticked_s is None else self._ticked_s
        self._ticked_s = now_s
        batch = Batch(
            {name: taken for name, samples in self.samples.items() if (taken := samples[:])},
            dict(self.failures),
            dict(self.octets),
        )
        for samples in self.samples.values():
            samples.clear()
        failures: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (name, error_class), times in batch.failures.items():
            failures[name][error_class] = times
        second = Second(
            at_s=max(0, int((before_s + now_s) / 2 - self._started_s)),
            sessions=self.sessions,
            failures=dict(failures),
            latencies={name: Latencies(samples).to_octets() for name, samples in batch.samples_s.items()},
            octets=batch.octets,
        )
        self.failures.clear()
        self.octets.clear()
        self.sessions = Sessions()
        if second.sessions != Sessions() or second.failures or second.latencies or second.octets:
            self._seconds.append(second)
        if self.heard is not None:
            self.heard(batch)

    def drain(self, now_s: float) -> TallyDelta:
        """Close the second that goes on, and hand over all that were not handed over yet."""
        self.tick(now_s)
        seconds, self._seconds = self._seconds, []
        return TallyDelta(seconds=seconds)
