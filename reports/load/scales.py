"""Axes: where a value is, from 0 to 1, and which values a reader finds written there."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import ceil, floor, isclose, log10
from typing import Final, Protocol

from reports.load.units import round_ms

__all__ = ["Linear", "Log", "Scale", "Tick", "counts", "latencies", "seconds"]

_ROUND: Final = (1.0, 2.0, 5.0)
# Steps of a clock in seconds: to the hour by what divides it, to the day by what divides that.
_CLOCK: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
# Ours: the shortest latency that a chart tells from nothing, in milliseconds.
_LEAST_MS: Final = 0.001
# Ours: so few are none; a rate of one in thirty years.
_LEAST_COUNT: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, 0 to 1, and what is written there."""

    at: float
    label: str


class Scale(Protocol):
    """An axis: what a chart asks of it."""

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """What is written along it, in order."""
        ...

    def place(self, value: float) -> float:
        """Where a value is; what lies beyond an end is at that end."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """Evenly from `low` to `high`, which differ."""

    low: float
    high: float
    ticks: tuple[Tick, ...] = ()

    def place(self, value: float) -> float:
        """See `Scale`."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Log:
    """By ratio from `low` to `high`, which are above 0 and differ."""

    low: float
    high: float
    ticks: tuple[Tick, ...] = ()

    def place(self, value: float) -> float:
        """See `Scale`; zero is at the low end."""
        if value <= self.low:
            return 0.0
        return min(log10(value / self.low) / log10(self.high / self.low), 1.0)


def counts(highest: float, label: Callable[[float], str], ticks: int = 4, least_step: float = 0.0) -> Linear:
    """From 0 to the round value that holds `highest`, in about so many steps, none smaller than `least_step`."""
    highest = highest if highest > _LEAST_COUNT else 1.0
    step = max(_round_up(highest / ticks), least_step)
    top = step * ceil(highest / step - 1e-9)
    scale = Linear(0.0, top)
    marks = [step * index for index in range(round(top / step) + 1)]
    return Linear(0.0, top, tuple(Tick(scale.place(mark), label(mark)) for mark in marks))


def seconds(first: float, last: float, ticks: int = 7) -> Linear:
    """A clock from one second to another, labelled in what its steps are: seconds, minutes or hours."""
    last = last if last > first else first + 1
    step = next((step for step in _CLOCK if (last - first) / step <= ticks), None)
    if step is None:
        step = 86400 * ceil((last - first) / ticks / 86400)
    scale = Linear(first, last)
    marks = range(step * ceil(first / step), floor(last) + 1, step)
    return Linear(first, last, tuple(Tick(scale.place(mark), _clock(mark, step)) for mark in marks))


def latencies(lowest_ms: float, highest_ms: float, ticks: int = 10) -> Log:
    """Milliseconds by ratio, between round values; marks are decades, and 2 and 5 between where there is room."""
    low = _round_down(max(lowest_ms, _LEAST_MS))
    high = _round_up(max(highest_ms, low))
    if high < 5 * low or isclose(high, 5 * low):
        low, high = _round_down(low / 2.1), _round_up(high * 1.9)
    scale = Log(low, high)
    close, apart = (_marks(heads, low, high) for heads in (_ROUND, _ROUND[:1]))
    marks = close if len(close) <= ticks else apart
    return Log(low, high, tuple(Tick(scale.place(mark), round_ms(mark)) for mark in marks))


def _marks(heads: tuple[float, ...], low: float, high: float) -> list[float]:
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    marks = [head * 10.0**decade for decade, head in product(decades, heads)]
    return [mark for mark in marks if low * 0.999 <= mark <= high * 1.001]


def _round_up(value: float) -> float:
    decade = 10.0 ** floor(log10(value))
    return next(head * decade for head in (*_ROUND, 10.0) if head * decade >= value * (1 - 1e-9))


def _round_down(value: float) -> float:
    decade = 10.0 ** floor(log10(value))
    return next(head * decade for head in _ROUND[::-1] if head * decade <= value * (1 + 1e-9))


def _clock(mark: int, step: int) -> str:
    if step < 60 and mark < 120:
        return f"{mark} s"
    if step < 3600 and mark < 7200:
        return f"{mark // 60}:{mark % 60:02} min" if mark % 60 else f"{mark // 60} min"
    hours, minutes = divmod(mark // 60, 60)
    return f"{hours}:{minutes:02} h" if minutes else f"{hours} h"
