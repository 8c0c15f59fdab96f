"""The search for the highest rate that holds the limits: which rate to try next, and what the tries say.

Both are functions of the steps made so far, and of nothing else. From the lowest rate the search doubles until a
step does not hold, then bisects, by ratio, to the asked precision. One step can be wrong: the rates on both sides of
the boundary are tried again, and where two tries differ, a third decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log, log2, sqrt
from typing import Final

from loadtests.plan import Search

__all__ = ["Capacity", "Outcome", "Step", "capacity", "knee", "most_steps", "next_rate"]

# Ours: two tries that agree decide a rate, and a third decides between two that do not.
_TRIES: Final = 3


class Outcome(StrEnum):
    """What a step showed: the limits held, were broken, or the generator could not make the rate."""

    KEPT = "kept"
    BROKEN = "broken"
    SATURATED = "saturated"


@dataclass(frozen=True, slots=True)
class Step:
    """A rate that was held for a while, and what came of it."""

    rate_per_s: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search found.

    Attributes:
        per_s: The highest rate that held; None where not even the lowest did.
        broken_per_s: The lowest rate above it that did not hold; None where none was met.
        at_least: The target carries `per_s` and perhaps more: the search's end or the generator's was met first.
        settled: The search came to its end; false where it was stopped, or its tries kept contradicting each other.
        reason: In words, for people.
    """

    per_s: float | None
    broken_per_s: float | None
    at_least: bool
    settled: bool
    reason: str


def next_rate(search: Search, steps: Sequence[Step]) -> float | None:
    """The rate to try next, sessions/s: a whole number of arrivals in a step; None when the search is over."""
    wanted = None if len(steps) >= most_steps(search) else _Tried(search, steps).wanted()
    return None if wanted is None else wanted / search.step_s


def most_steps(search: Search) -> int:
    """No search takes more steps than this."""
    doublings = ceil(log2(max(search.to_per_s / search.from_per_s, 1.0))) + 1
    halvings = ceil(log2(max(log(2) / log(1 + search.precision), 1.0)))
    return _TRIES * (doublings + halvings)


def capacity(search: Search, steps: Sequence[Step]) -> Capacity:
    """What the steps say, whether the search is over or was stopped."""
    tried = _Tried(search, steps)
    low, high = (None if count is None else count / search.step_s for count in (tried.low, tried.high))
    settled = tried.wanted() is None
    saturated = tried.high is not None and tried.outcome(tried.high) is Outcome.SATURATED
    if low is None:
        what = "the generator could not make" if saturated else "the limits were broken at"
        reason = "nothing was tried" if high is None else f"{what} {high:.6g}/s, the lowest rate tried"
        return Capacity(None, high, False, settled, reason)
    if high is None:
        return Capacity(low, None, True, settled, f"{low:.6g}/s held, and nothing higher was tried")
    if saturated:
        reason = f"{low:.6g}/s held, and the generator could not make {high:.6g}/s"
        return Capacity(low, high, True, settled, reason)
    return Capacity(low, high, False, settled, f"{low:.6g}/s held, {high:.6g}/s did not")


def knee(points: Sequence[tuple[float, float]]) -> float | None:
    """Where latency begins to climb: the rate whose point lies farthest below the line from the first to the last.

    Args:
        points: Rate and latency, in any order and units.

    Returns:
        A rate; None with fewer than three rates, or where no point lies clearly below that line.
    """
    curve = sorted(points)
    if len(curve) < 3:
        return None
    (left, low), (right, high) = curve[0], curve[-1]
    if right == left or high <= low:
        return None
    depths = [((x - left) / (right - left) - (y - low) / (high - low), x) for x, y in curve]
    depth, rate = max(depths)
    return rate if depth > 0.1 else None  # ours: less than that is a straight line with noise


class _Tried:
    """The steps, gathered by how many arrivals were asked of each: rates that round to the same are the same."""

    def __init__(self, search: Search, steps: Sequence[Step]) -> None:
        self.search: Final = search
        self.tries: Final[dict[int, list[Outcome]]] = {}
        for step in steps:
            self.tries.setdefault(self.count(step.rate_per_s), []).append(step.outcome)
        held = [count for count in self.tries if self.margin(count) > 0]
        self.low: Final = max(held, default=None)
        above = [count for count in self.tries if self.margin(count) < 0 and count > (self.low or 0)]
        self.high: Final = min(above, default=None)

    def count(self, rate_per_s: float) -> int:
        """Arrivals in a step at this rate."""
        return max(1, round(rate_per_s * self.search.step_s))

    def margin(self, count: int) -> int:
        """How many tries held more than did not."""
        tries = self.tries[count]
        return 2 * tries.count(Outcome.KEPT) - len(tries)

    def outcome(self, count: int) -> Outcome:
        tries = self.tries[count]
        if self.margin(count) > 0:
            return Outcome.KEPT
        return max((Outcome.BROKEN, Outcome.SATURATED), key=tries.count)

    def wanted(self) -> int | None:
        """How many arrivals the next step has; None when the search is over."""
        low, high, most = self.low, self.high, self.count(self.search.to_per_s)
        if contradicted := [count for count in self.tries if self.margin(count) == 0]:
            return min(contradicted)
        if low is None:
            return self.count(self.search.from_per_s) if high is None else self.again(high)
        if high is None:
            return min(2 * low, most) if low < most else self.again(low)
        if high > max(low * (1 + self.search.precision), low + 1):
            return min(max(round(sqrt(low * high)), low + 1), high - 1)
        return self.again(low) or self.again(high)

    def again(self, count: int) -> int | None:
        """The same once more, where only one try speaks for its outcome."""
        return count if abs(self.margin(count)) < _TRIES - 1 and len(self.tries[count]) < _TRIES else None
