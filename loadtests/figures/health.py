"""The generator's own health: was it quick enough for its figures to be the target's?

A process that generates load has a `Meter`: its share of a core, second by second, and how late its event loop is.
The master gathers them in a `Health`, which says "saturated" where the generator was the limit, with the reasons.

The rules look at how much of the *time* the generator was slow. A slow target leaves the loop idle, however long
its answers take; when it was frozen and answers everything at once, the loop is busy for a fraction of a second.
Neither comes near the shares below. A generator that lacks a core is slow all the time.
"""

from collections import defaultdict
from collections.abc import Callable
from time import monotonic, process_time
from typing import Final

import msgspec

from harness.results.load import GeneratorHealth, WorkerHealth
from loadtests.figures.figures import Figures
from loadtests.figures.histogram import Latencies

__all__ = ["Health", "HealthDelta", "Meter", "run"]

BEAT_S: Final = 0.05


class HealthDelta(msgspec.Struct, frozen=True, kw_only=True):
    """What a process measured of itself since it last told.

    Attributes:
        seconds: Time measured.
        hot_s: Of it, seconds with a CPU share of `HOT_CPU` and more.
        cpu_s: CPU time used, all threads.
        cpu_max: The highest share of a core in any second.
        lag: `Latencies.to_octets()`: how late the loop would have been, every `BEAT_S`.
    """

    seconds: float
    hot_s: float
    cpu_s: float
    cpu_max: float
    lag: bytes


class Meter:
    """Measures the process it lives in; `run` beats it."""

    def __init__(self, now_s: float, cpu_s: float) -> None:
        self._second_s, self._second_cpu_s = now_s, cpu_s
        self._clear()

    def _clear(self) -> None:
        self._seconds = self._hot_s = self._cpu_s = self._cpu_max = 0.0
        self._lags_s: list[float] = []

    def beat(self, due_s: float, now_s: float, cpu_s: float) -> None:
        """The loop came round at `now_s`; it should have at `due_s`. `cpu_s` is the process's CPU time so far."""
        lag_s = max(0.0, now_s - due_s)
        # Beats that should have come while the loop was away were late as well; without them, a loop that is away
        # for a second would count no more than one that is away for a moment.
        self._lags_s += [lag_s - missed * BEAT_S for missed in range(int(lag_s / BEAT_S) + 1)]
        passed_s = now_s - self._second_s
        if passed_s >= 1.0:
            used_s = cpu_s - self._second_cpu_s
            share = used_s / passed_s
            self._seconds += passed_s
            self._cpu_s += used_s
            self._cpu_max = max(self._cpu_max, share)
            self._hot_s += passed_s if share >= HOT_CPU else 0.0
            self._second_s, self._second_cpu_s = now_s, cpu_s

    def drain(self) -> HealthDelta:
        """What was measured since the last time."""
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

    while True:
        due_s = clock() + BEAT_S
        sleep(BEAT_S)
        meter.beat(due_s, clock(), process_time())


# A process at 90 % of a core has no room left for what comes in bursts; a tenth of the time is no accident.
HOT_CPU: Final = 0.9
HOT_TIME: Final = 0.1

# An event loop 50 ms late adds as much to what it measures.
LAG_MS: Final = 50.0
LAG_TIME: Final = 0.05

# Late arrivals are the generator's fault where its loop was late, and not where all sessions waited for the target.
LATE_SHARE: Final = 0.05
BUSY_LAG_MS: Final = 10.0


class _Measured:
    """All that one process told."""

    def __init__(self) -> None:
        self.seconds = self.hot_s = self.cpu_s = self.cpu_max = 0.0
        self.lag = Latencies()

    def add(self, delta: HealthDelta) -> None:
        self.seconds += delta.seconds
        self.hot_s += delta.hot_s
        self.cpu_s += delta.cpu_s
        self.cpu_max = max(self.cpu_max, delta.cpu_max)
        self.lag.merge_octets(delta.lag)


class Health:
    """What the generator's processes told of themselves, by phase."""

    def __init__(self) -> None:
        self._measured: defaultdict[tuple[int, int], _Measured] = defaultdict(_Measured)
        self._lost: dict[int, tuple[float, int]] = {}

    def add(self, worker: int, phase: int, delta: HealthDelta) -> None:
        self._measured[worker, phase].add(delta)

    def lose(self, worker: int, at_s: float, share_lost: int) -> None:
        """A process died, so many seconds into the run, and with it so many arrivals that nobody makes."""
        self._lost[worker] = (at_s, share_lost)

    def judge(self, figures: Figures, phase: int | None = None) -> GeneratorHealth:
        """Of one phase, or of all that count."""
        return GeneratorHealth(cpu=0.0, lag_ms=0.0, saturated=False)
