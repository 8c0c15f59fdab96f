"""Phases of a run: which comes next, and one that goes on: who makes which of its arrivals."""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from loadtests.arrivals.capacity import Step, next_rate
from loadtests.arrivals.schedule import Division, Epoch, Schedule
from loadtests.control.messages import Begin
from loadtests.plan import Phase, Plan, Search, Segment

__all__ = ["NEWS_S", "OpenPhase", "Phases", "RunningPhase", "phases_of", "running"]

# Ours: a new division begins with arrivals this far away, so that every worker has heard of it by then. Four times
# what a worker under full load was seen to take.
NEWS_S: Final = 1.0


class Phases(Protocol):
    """Which phase comes next."""

    def next(self, steps: Sequence[Step]) -> Phase | None:
        """The phase after those that gave `steps`; None when there is none."""

    @property
    def total_s(self) -> float:
        """How long all arrivals last; 0 where nobody can know."""


class _Planned:
    def __init__(self, phases: Sequence[Phase]) -> None:
        self._phases: Final = phases

    def next(self, steps: Sequence[Step]) -> Phase | None:
        return self._phases[len(steps)] if len(steps) < len(self._phases) else None

    @property
    def total_s(self) -> float:
        return sum(segment.duration_s for phase in self._phases for segment in phase.segments)


class _Searched:
    def __init__(self, search: Search) -> None:
        self._search: Final = search

    def next(self, steps: Sequence[Step]) -> Phase | None:
        rate = next_rate(self._search, steps)
        if rate is None:
            return None
        segment = Segment(from_per_s=rate, to_per_s=rate, duration_s=self._search.step_s)
        return Phase(label=f"{len(steps) + 1}: {rate:.4g}/s", segments=(segment,))

    @property
    def total_s(self) -> float:
        return 0.0


def phases_of(plan: Plan) -> Phases:
    """The phases of a plan; in closed mode there is one, whose arrivals nobody plans."""
    if plan.mode == "closed":
        segment = Segment(from_per_s=0, to_per_s=0, duration_s=plan.duration_s)
        return _Planned([Phase(label="all", segments=(segment,))])
    return _Searched(plan.search) if plan.search is not None else _Planned(plan.phases)


def running(number: int, phase: Phase, plan: Plan, members: Sequence[int], began_s: float) -> "RunningPhase":
    """A phase begins."""
    if plan.mode == "closed":
        return RunningPhase(number, phase, members, began_s)
    return OpenPhase(number, phase, plan, members, began_s)


class RunningPhase:
    """A phase that goes on; by itself one of closed mode, where users start sessions as they like.

    Attributes:
        began_s: When it began, on the director's clock; `ends_s`: when its last arrivals are due.
        planned: Arrivals that count; None where nobody plans them.
        asked_per_s: Their mean rate.
    """

    planned: int | None = None
    asked_per_s: float = 0.0

    def __init__(self, number: int, phase: Phase, members: Sequence[int], began_s: float) -> None:
        self.number: Final = number
        self.label: Final = phase.label
        self.began_s: Final = began_s
        self.ends_s: Final = began_s + sum(segment.duration_s for segment in phase.segments)
        self._what: Final = phase
        self._division: Final = Division.among(members)

    def counted_s(self, until_s: float) -> float:
        """How long arrivals that count were due before `until_s`."""
        total_s, at_s = 0.0, self.began_s
        for segment in self._what.segments:
            if segment.counted:
                total_s += min(max(0.0, until_s - at_s), segment.duration_s)
            at_s += segment.duration_s
        return total_s

    def begin(self, run: str) -> Begin:
        """The order to take part in it."""
        return Begin(
            run=run,
            phase=self.number,
            began_s=self.began_s,
            ends_s=self.ends_s,
            division=self._division.epochs,
        )

    def reshare(self, members: Sequence[int], now_s: float) -> Epoch | None:
        """Divide what is far enough away among these members; None where there is nothing to divide."""
        first = self._first_to_divide(now_s)
        if first is None or not members:
            return None
        epoch = Epoch(first, tuple(members))
        self._division.reshare(epoch)
        return epoch

    def look_ahead(self, now_s: float) -> None:
        """Note that time has passed."""

    def _first_to_divide(self, now_s: float) -> int | None:
        """The first arrival that every worker can still be told of; accounts alone are divided at once."""
        return 0 if now_s < self.ends_s else None

    def share(self, member: int) -> int:
        """Arrivals that count and are this member's."""
        del member
        return 0


class OpenPhase(RunningPhase):
    """Arrivals by a schedule, divided among workers."""

    def __init__(self, number: int, phase: Phase, plan: Plan, members: Sequence[int], began_s: float) -> None:
        super().__init__(number, phase, members, began_s)
        self._schedule: Final = Schedule(phase, plan.seed, plan.settings.arrivals)
        self._arrivals: Final = self._schedule.arrivals()
        self._next = next(self._arrivals, None)
        self.planned = sum(len(numbers) for numbers in self._schedule.counted)
        counted_s = self.counted_s(self.ends_s)
        self.asked_per_s = self.planned / counted_s if counted_s else 0.0

    def begin(self, run: str) -> Begin:
        return msgspec.structs.replace(super().begin(run), what=self._what)

    def look_ahead(self, now_s: float) -> None:
        until_s = now_s + NEWS_S - self.began_s
        while self._next is not None and self._next.due_s < until_s:
            self._next = next(self._arrivals, None)

    def _first_to_divide(self, now_s: float) -> int | None:
        self.look_ahead(now_s)
        return None if self._next is None else self._next.number

    def share(self, member: int) -> int:
        epochs = self._division.epochs
        ends = [*(epoch.from_number for epoch in epochs[1:]), self._schedule.count]
        return sum(
            _share(epoch, member, max(epoch.from_number, numbers.start), min(end, numbers.stop))
            for epoch, end in zip(epochs, ends, strict=True)
            for numbers in self._schedule.counted
        )


def _share(epoch: Epoch, member: int, start: int, stop: int) -> int:
    """How many of the arrivals from `start` to before `stop` the epoch gives to a member."""
    if member not in epoch.members:
        return 0
    size = len(epoch.members)
    first = epoch.from_number + epoch.members.index(member)
    return len(range(first + -(-max(0, start - first) // size) * size, stop, size))
