"""The figures of a whole run: what all processes counted, in all, by phase and over time.

Processes that warm up count in a phase below zero: it shows in the series and in no total.
"""

from collections import Counter, defaultdict
from typing import Final

from harness.results.load import Histograms, Interval, Latency, OperationInterval, Series
from loadtests.figures.histogram import Latencies
from loadtests.figures.tally import Second, Sessions, TallyDelta

__all__ = ["MOST_INTERVALS", "Figures", "Totals"]

MOST_INTERVALS: Final = 1000

# Ours: histograms of one operation and interval that wait to be merged; more would cost memory, fewer time.
_PILE: Final = 8


class Totals:
    """Everything counted in a phase, or in several.

    Attributes:
        latencies: operation -> those that succeeded.
        failures: operation -> error class -> how many.
        octets: operation -> octets of messages sent or read.
        span_s: Seconds from the first to the last in which something was counted.
    """

    def __init__(self) -> None:
        self.sessions = Sessions()
        self.latencies: defaultdict[str, Latencies] = defaultdict(Latencies)
        self.failures: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.octets: Counter[str] = Counter()
        self._first_s: int | None = None
        self._last_s = 0

    def add(self, second: Second) -> None:
        self.sessions.merge(second.sessions)
        for name, octets in second.latencies.items():
            self.latencies[name].merge_octets(octets)
        for name, classes in second.failures.items():
            self.failures[name].update(classes)
        self.octets.update(second.octets)
        self._first_s = second.at_s if self._first_s is None else min(self._first_s, second.at_s)
        self._last_s = max(self._last_s, second.at_s + 1)

    @property
    def span_s(self) -> float:
        return 0.0 if self._first_s is None else float(self._last_s - self._first_s)

    @property
    def latency_ms(self) -> dict[str, Latency]:
        """operation -> the figures of those that succeeded, for every operation that was tried."""
        return {name: self.latencies[name].latency() for name in sorted({*self.latencies, *self.failures})}

    @property
    def errors(self) -> dict[str, int]:
        """error class -> how many, over all operations."""
        return dict(sum(self.failures.values(), Counter()).most_common())

    @property
    def errors_by_operation(self) -> dict[str, dict[str, int]]:
        return {
            name: dict(classes.most_common()) for name, classes in sorted(self.failures.items()) if classes
        }

    @property
    def histograms(self) -> Histograms:
        return Histograms(operations={name: one.to_hdr() for name, one in sorted(self.latencies.items())})


class Figures:
    """What the processes of a run counted; the master's, or the only process's own."""

    def __init__(self) -> None:
        self._total = Totals()
        self._phases: defaultdict[int, Totals] = defaultdict(Totals)
        self._sessions: defaultdict[tuple[int, int], Sessions] = defaultdict(Sessions)
        self._interval_s = 1
        self._intervals: defaultdict[int, _Pile] = defaultdict(_Pile)

    def add(self, worker: int, phase: int, delta: TallyDelta) -> None:
        """Count what a process has counted in a phase; below zero it only shows in the series."""
        for second in delta.seconds:
            for totals in self._counting(phase):
                totals.add(second)
            self._sessions[worker, phase].merge(second.sessions)
            self._interval(second.at_s).add(second)

    def _counting(self, phase: int) -> tuple[Totals, ...]:
        return (self._phases[phase], self._total) if phase >= 0 else (self._phases[phase],)

    def abandon(self, worker: int, at_s: float) -> int:
        """A process has died: its sessions under way end here.

        Returns:
            How many they were.
        """
        lost = 0
        for (of, phase), sessions in list(self._sessions.items()):
            if of == worker and sessions.active > 0:
                gone = Sessions(abandoned=sessions.active)
                lost += gone.abandoned
                sessions.merge(gone)
                for totals in self._counting(phase):
                    totals.sessions.merge(gone)
                self._interval(int(at_s)).sessions.merge(gone)
        return lost

    def total(self, phase: int | None = None) -> Totals:
        """Of one phase, or of all that count."""
        return self._total if phase is None else self._phases[phase]

    def sessions(self, worker: int, phase: int | None = None) -> Sessions:
        """One process's, of one phase or of all that count."""
        total = Sessions()
        for (of, number), sessions in self._sessions.items():
            if of == worker and (number >= 0 if phase is None else number == phase):
                total.merge(sessions)
        return total

    @property
    def active(self) -> int:
        """Sessions that go on now, those that warm up included."""
        return sum(sessions.active for sessions in self._sessions.values())

    def recent(self, name: str, seconds: int = 10) -> Latencies:
        """An operation's latencies in the last seconds (in a long run: the last interval at least)."""
        latencies = Latencies()
        oldest = max(self._intervals, default=0) - seconds // self._interval_s
        for index, pile in self._intervals.items():
            if index > oldest:
                pile.pour(name, latencies)
        return latencies

    def series(self) -> Series:
        """The run over time; an interval in which nothing happened is there, and empty."""
        active = 0
        intervals: list[Interval] = []
        for index in range(max(self._intervals, default=-1) + 1):
            pile = self._intervals.get(index, _EMPTY)
            active += pile.sessions.active
            intervals.append(pile.interval(index * self._interval_s, active))
        return Series(interval_s=self._interval_s, intervals=intervals)

    def _interval(self, at_s: int) -> "_Pile":
        while at_s // self._interval_s >= MOST_INTERVALS:
            self._coarsen()
        return self._intervals[at_s // self._interval_s]

    def _coarsen(self) -> None:
        """Make the intervals twice as long."""
        finer = self._intervals
        self._interval_s *= 2
        self._intervals = defaultdict(_Pile)
        for index, pile in finer.items():
            self._intervals[index // 2].merge(pile)


class _Pile:
    """What was counted in one interval. Histograms stay packed until they are asked for: a run has thousands."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self._failures: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._latencies: defaultdict[str, list[bytes]] = defaultdict(list)

    def add(self, second: Second) -> None:
        self.sessions.merge(second.sessions)
        for name, classes in second.failures.items():
            self._failures[name].update(classes)
        for name, octets in second.latencies.items():
            self._put(name, [octets])

    def merge(self, other: "_Pile") -> None:
        self.sessions.merge(other.sessions)
        for name, classes in other._failures.items():
            self._failures[name].update(classes)
        for name, packed in other._latencies.items():
            self._put(name, packed)

    def _put(self, name: str, packed: list[bytes]) -> None:
        self._latencies[name] += packed
        if len(self._latencies[name]) > _PILE:
            merged = Latencies()
            self.pour(name, merged)
            self._latencies[name] = [merged.to_octets()]

    def pour(self, name: str, into: Latencies) -> None:
        """Count one operation's latencies in another histogram."""
        for octets in self._latencies.get(name, ()):
            into.merge_octets(octets)

    def interval(self, at_s: float, active: int) -> Interval:
        sessions = self.sessions
        return Interval(
            at_s=at_s,
            due=sessions.due,
            begun=sessions.begun,
            completed=sessions.completed,
            failed=sessions.failed,
            active=active,
            errors=dict(sum(self._failures.values(), Counter()).most_common()),
            operations={name: self._operation(name) for name in sorted({*self._latencies, *self._failures})},
        )

    def _operation(self, name: str) -> OperationInterval:
        latencies = Latencies()
        self.pour(name, latencies)
        p50, p90, p95, p99 = latencies.percentiles_ms([50, 90, 95, 99])
        return OperationInterval(
            count=latencies.count,
            failed=sum(self._failures.get(name, {}).values()),
            p50=p50,
            p90=p90,
            p95=p95,
            p99=p99,
            max=latencies.max_ms,
        )


_EMPTY: Final = _Pile()
