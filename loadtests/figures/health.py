"""The generator's own health: was it quick enough for its figures to be the target's?

A process that generates load has a `Meter`: its share of a core, second by second, and how late its event loop is.
The master gathers them in a `Health`, which says "saturated" where the generator was the limit, with the reasons.

The rules look at how much of the *time* the generator was slow. A slow target leaves the loop idle, however long
its answers take; when it was frozen and answers everything at once, the loop is busy for a fraction of a second.
Neither comes near the shares below. A generator that lacks a core is slow all the time. Where it shares a machine
with a target that has taken all of it, both are slow, and what was measured tells whose the figures are: a generator
that is 50 ms behind says nothing of answers in 50 ms, and all there is to say of answers in 5 s.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from time import monotonic, process_time
from typing import Final

import msgspec

from harness.results.load import GeneratorHealth, WorkerHealth
from loadtests.figures.figures import Figures, Totals
from loadtests.figures.histogram import Latencies
from loadtests.figures.tally import Sessions

__all__ = ["BEAT_S", "SHORT_OF", "Health", "HealthDelta", "Meter", "run"]

# The class of an error that is the generator's own: its machine had nothing left to make a connection with.
SHORT_OF: Final = "generator"

# Ours: often enough to see what delays a session, and a thousandth of a core.
BEAT_S: Final = 0.05

# All ours. A process at 90 % of a core has no room left for what comes in bursts; a tenth of the time is no accident.
HOT_CPU: Final = 0.9
HOT_TIME: Final = 0.1

# An event loop that is 50 ms behind adds as much to what it measures.
LAG_MS: Final = 50.0
LAG_TIME: Final = 0.05

# A loop that is behind matters where that is more than a tenth of what was measured, both as 95th percentiles. What a
# starved generator measures is its own lag, some times over: one for each answer that an operation waits for.
LAG_PERCENT: Final = 95.0
LAG_OF_MEASURED: Final = 0.1

# Sessions begin late when all wait for the target, too: it was the generator only where its loop was late as well, as
# much of the time. On a machine that it shares with others a few of a hundred are late by some milliseconds.
LATE_SHARE: Final = 0.1
BUSY_LAG_MS: Final = 10.0
BUSY_TIME: Final = 0.1


class HealthDelta(msgspec.Struct, frozen=True, kw_only=True):
    """What a process measured of itself since it last told.

    Attributes:
        seconds: Time measured, in whole seconds or a little more each.
        hot_s: The part of it with a CPU share of `HOT_CPU` and more.
        cpu_s: CPU time used in it, by all threads.
        cpu_max: The highest share of a core in any second.
        lag: `Latencies.to_octets()`: how late the loop was, or would have been, every `BEAT_S`.
    """

    seconds: float = 0.0
    hot_s: float = 0.0
    cpu_s: float = 0.0
    cpu_max: float = 0.0
    lag: bytes = msgspec.field(default_factory=Latencies().to_octets)


class Meter:
    """Measures the process it lives in; `run` beats it."""

    def __init__(self, now_s: float, cpu_s: float) -> None:
        """`now_s` and `cpu_s` (CPU time so far) are on the clocks that `beat` is given."""
        self._clear()
        self.begin(now_s, cpu_s)

    def begin(self, now_s: float, cpu_s: float) -> None:
        """Measure from now on: what the process did before, with its loop at rest, is no lag."""
        self._due_s = now_s + BEAT_S
        self._second_s, self._second_cpu_s = now_s, cpu_s

    def _clear(self) -> None:
        self._seconds = self._hot_s = self._cpu_s = self._cpu_max = 0.0
        self._lags_s: list[float] = []

    def beat(self, now_s: float, cpu_s: float) -> float:
        """The loop comes round. Returns the seconds until it should again."""
        # Beats are due on a grid: one that should have come while the loop was away was late as well. Without those
        # a loop that is away for a second would count no more than one that is away for a moment.
        while self._due_s <= now_s:
            self._lags_s.append(now_s - self._due_s)
            self._due_s += BEAT_S
        if now_s - self._second_s >= 1.0:
            self._close_second(now_s, cpu_s)
        return self._due_s - now_s

    def _close_second(self, now_s: float, cpu_s: float) -> None:
        passed_s, used_s = now_s - self._second_s, cpu_s - self._second_cpu_s
        share = used_s / passed_s
        self._seconds += passed_s
        self._cpu_s += used_s
        self._cpu_max = max(self._cpu_max, share)
        self._hot_s += passed_s if share >= HOT_CPU else 0.0
        self._second_s, self._second_cpu_s = now_s, cpu_s

    def drain(self) -> HealthDelta:
        """What was measured since the last time; the second that goes on comes with the next."""
        delta = HealthDelta(
            seconds=self._seconds,
            hot_s=self._hot_s,
            cpu_s=self._cpu_s,
            cpu_max=self._cpu_max,
            lag=Latencies(self._lags_s).to_octets(),
        )
        self._clear()
        return delta


def run(meter: Meter, clock: Callable[[], float] = monotonic) -> None:
    """Beat the meter for ever, in the greenlet that calls this."""
    from gevent import sleep

    meter.begin(clock(), process_time())
    wait_s = BEAT_S
    while True:
        sleep(wait_s)
        wait_s = meter.beat(clock(), process_time())


class _Measured:
    """All that one process told of a phase, or of several."""

    def __init__(self) -> None:
        self.seconds = self.hot_s = self.cpu_s = self.cpu_max = 0.0
        self.lag = Latencies()

    def add(self, delta: HealthDelta) -> None:
        self._add(delta)
        self.lag.merge_octets(delta.lag)

    def merge(self, other: "_Measured") -> None:
        self._add(other)
        self.lag.merge(other.lag)

    def _add(self, other: "HealthDelta | _Measured") -> None:
        self.seconds += other.seconds
        self.hot_s += other.hot_s
        self.cpu_s += other.cpu_s
        self.cpu_max = max(self.cpu_max, other.cpu_max)

    @property
    def cpu(self) -> float:
        return self.cpu_s / self.seconds if self.seconds else 0.0

    def reasons(self, sessions: Sessions, measured_ms: float) -> Iterator[str]:
        """Why the figures are its own and not the target's. `measured_ms` is the operations' 95th percentile."""
        hot = self.hot_s / self.seconds if self.seconds else 0.0
        if hot >= HOT_TIME:
            yield f"used more than {HOT_CPU:.0%} of a core for {hot:.0%} of the time"
        if self.lag.percentile_ms(LAG_PERCENT) <= LAG_OF_MEASURED * measured_ms:
            return
        behind = self.lag.share_over(LAG_MS)
        if behind > LAG_TIME:
            yield f"was more than {LAG_MS:.0f} ms behind with its work for {behind:.0%} of the time"
        late = sessions.late / sessions.begun if sessions.begun else 0.0
        busy = self.lag.share_over(BUSY_LAG_MS)
        if late > LATE_SHARE and busy > BUSY_TIME:
            yield (
                f"began {late:.0%} of its sessions late, and was more than {BUSY_LAG_MS:.0f} ms behind "
                f"for {busy:.0%} of the time"
            )


class Health:
    """What the generator's processes told of themselves, by phase."""

    def __init__(self) -> None:
        self._measured: defaultdict[tuple[int, int], _Measured] = defaultdict(_Measured)
        self._lost: dict[int, tuple[float, int]] = {}

    def add(self, worker: int, phase: int, delta: HealthDelta) -> None:
        """Count what a process told while this phase went on; a phase below zero is kept out of the whole."""
        self._measured[worker, phase].add(delta)

    def lose(self, worker: int, at_s: float, share_lost: int) -> None:
        """A process died, so many seconds into the run, and with it so many arrivals that nobody makes."""
        self._lost[worker] = (at_s, share_lost)

    def judge(self, figures: Figures, phase: int | None = None) -> GeneratorHealth:
        """Of one phase, or of all that count."""
        measured: defaultdict[int, _Measured] = defaultdict(_Measured)
        for (worker, number), each in self._measured.items():
            if number >= 0 if phase is None else number == phase:
                measured[worker].merge(each)
        sessions = {worker: figures.sessions(worker, phase) for worker in sorted({*measured, *self._lost})}
        workers = [self._worker(worker, measured[worker], each) for worker, each in sessions.items()]
        totals = figures.total(phase)
        measured_ms = _measured_ms(totals)
        reasons = [
            f"worker {worker} {reason}"
            for worker, each in sessions.items()
            for reason in measured[worker].reasons(each, measured_ms)
        ]
        if short := totals.errors.get(SHORT_OF):
            reasons.append(f"it had no port, descriptor or buffer left for {short:,} of its connections")
        return GeneratorHealth(
            cpu=max((worker.cpu for worker in workers), default=0.0),
            lag_ms=max((worker.lag_p99_ms for worker in workers), default=0.0),
            saturated=bool(reasons),
            reasons=reasons,
            workers=workers,
        )

    def _worker(self, worker: int, measured: _Measured, sessions: Sessions) -> WorkerHealth:
        lost_at_s, share_lost = self._lost.get(worker, (None, 0))
        return WorkerHealth(
            worker=worker,
            cpu=measured.cpu,
            cpu_max=measured.cpu_max,
            lag_p99_ms=measured.lag.percentile_ms(99),
            lag_max_ms=measured.lag.max_ms,
            late=sessions.late,
            lost_at_s=lost_at_s,
            share_lost=share_lost,
        )


def _measured_ms(totals: Totals) -> float:
    """The 95th percentile of all operations but whole sessions, which have pauses of their own."""
    operations = Latencies()
    for name, latencies in totals.latencies.items():
        if not name.endswith(".session"):
            operations.merge(latencies)
    return operations.percentile_ms(LAG_PERCENT)
