"""When sessions are due, whatever the server does, and which worker makes which of them.

A schedule is the same for everybody who has its phase, seed and kind, so nothing of it travels: each worker makes
all due times and keeps its own arrivals.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import exp, log, sqrt
from random import Random
from typing import Final, Literal, NamedTuple

import msgspec

from loadtests.plan import Phase, Segment

__all__ = ["Arrival", "Division", "Epoch", "Schedule"]

Kind = Literal["poisson", "even"]


class Arrival(NamedTuple):
    """One session that is to start.

    Attributes:
        number: From 0, in the phase's order.
        due_s: Seconds from the phase's start.
        counted: False where its segment only warms up.
    """

    number: int
    due_s: float
    counted: bool


class Schedule:
    """All arrivals of one phase.

    As many are due by the end of each segment as its rates ask for, rounded. ``even``: equal shares of the rate's
    area lie between them. ``poisson``: a Poisson process given that count, so that arrivals are as irregular as those
    of independent people while the asked rate is met exactly; ramps are made by inverting the cumulative rate.
    """

    def __init__(self, phase: Phase, seed: int, kind: Kind) -> None:
        self.phase: Final = phase
        self.seed: Final = seed
        self.kind: Final = kind
        areas = accumulate(_area(segment) for segment in phase.segments)
        self._ends: Final = [round(area) for area in areas]

    @property
    def count(self) -> int:
        """How many arrivals there are."""
        return self._ends[-1] if self._ends else 0

    @property
    def counted(self) -> tuple[range, ...]:
        """The numbers of those that count, as stretches."""
        stretches = zip(self.phase.segments, [0, *self._ends], self._ends, strict=False)
        return tuple(range(start, end) for segment, start, end in stretches if segment.counted)

    @property
    def duration_s(self) -> float:
        return sum(segment.duration_s for segment in self.phase.segments)

    @property
    def asked_per_s(self) -> float:
        """The mean rate over the whole phase."""
        return self.count / self.duration_s if self.duration_s else 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Every arrival in order of due time, made as it is asked for."""
        random = Random(f"{self.seed} {self.phase.label}")  # noqa: S311 - a schedule is to be made again
        starts_s, number = 0.0, 0
        for segment, end in zip(self.phase.segments, self._ends, strict=True):
            count = end - number
            shares = _even(count) if self.kind == "even" else _poisson(count, random)
            for share in shares:
                yield Arrival(number, starts_s + _inverse(segment, share), segment.counted)
                number += 1
            starts_s += segment.duration_s


class Epoch(msgspec.Struct, frozen=True):
    """From arrival `from_number` on, arrivals go round among `members` (numbers of workers)."""

    from_number: int
    members: tuple[int, ...]


class Division:
    """Who makes which arrival, as workers join and die.

    Everybody who has the same epochs divides alike; each arrival belongs to exactly one member.
    """

    def __init__(self, epochs: Sequence[Epoch]) -> None:
        """The first epoch begins at 0, the others each after the one before it; none is without members."""
        self._epochs: Final = list(epochs[:1])
        for epoch in epochs[1:]:
            self.reshare(epoch)

    @classmethod
    def among(cls, members: Sequence[int]) -> "Division":
        """One division for the whole phase."""
        return cls([Epoch(0, tuple(members))])

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        return tuple(self._epochs)

    def reshare(self, epoch: Epoch) -> None:
        """From the epoch's first arrival on, divide among its members; later epochs that were agreed fall away.

        Raises:
            ValueError: The epoch has no members.
        """
        if not epoch.members:
            raise ValueError("nobody is left to divide the arrivals among")
        while self._epochs and self._epochs[-1].from_number >= epoch.from_number:
            self._epochs.pop()
        self._epochs.append(epoch)

    def owner(self, number: int) -> int:
        """The member that makes this arrival."""
        epochs = self._epochs
        at = len(epochs) - 1
        if number < epochs[at].from_number:
            at = bisect_right(epochs, number, key=lambda epoch: epoch.from_number) - 1
        epoch = epochs[at]
        return epoch.members[(number - epoch.from_number) % len(epoch.members)]


def _area(segment: Segment) -> float:
    return (segment.from_per_s + segment.to_per_s) / 2 * segment.duration_s


def _inverse(segment: Segment, share: float) -> float:
    """When this share of the segment's arrivals has come, in seconds from its start."""
    first, last, duration_s = segment.from_per_s, segment.to_per_s, segment.duration_s
    if first == last:
        return share * duration_s
    # The area to t is first t + (last - first) t^2 / (2 duration); this root of it also holds where first is 0.
    root = sqrt(first * first + share * (last * last - first * first))
    return duration_s * share * (first + last) / (first + root)


def _even(count: int) -> Iterator[float]:
    """The middles of `count` equal parts of 0..1."""
    return ((k + 0.5) / count for k in range(count))


def _poisson(count: int, random: Random) -> Iterator[float]:
    """`count` independent points of 0..1 in their order, one after the other, without holding or sorting them."""
    above = 1.0
    for remaining in range(count, 0, -1):
        # The least of `remaining` points that lie evenly in what is left.
        above *= exp(log(1.0 - random.random()) / remaining)
        yield 1.0 - above
