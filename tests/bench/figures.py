"""A figure beside its anchor, and how it is measured."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["ROUNDS", "Figure", "compare", "rate"]

ROUNDS: Final = 5


@dataclass(frozen=True)
class Figure:
    """Medians over `runs` rounds, ours and the anchor's in turn; a ratio above 1 means more than the anchor.

    Attributes:
        anchor: None where this machine does not have what `anchor_name` names; nothing stands for it then.
    """

    name: str
    unit: str
    ours: float
    anchor: float | None
    anchor_name: str
    ratio: float | None
    runs: int


def rate(count: int, action: Callable[[], object]) -> float:
    """How many a second, when the action does so many."""
    started = time.perf_counter()
    action()
    return count / (time.perf_counter() - started)


def compare(
    name: str,
    unit: str,
    ours: Callable[[], float],
    anchor: Callable[[], float] | None,
    anchor_name: str,
    *,
    rounds: int = ROUNDS,
) -> Figure:
    """Measure in turn, so that a machine that slows down slows both; ours alone where there is no anchor."""
    pairs = [(ours(), anchor() if anchor else None) for _ in range(rounds)]
    mine = statistics.median(a for a, _ in pairs)
    theirs = [(a, b) for a, b in pairs if b is not None]
    return Figure(
        name,
        unit,
        round(mine, 1),
        round(statistics.median(b for _, b in theirs), 1) if theirs else None,
        anchor_name,
        round(statistics.median(a / b for a, b in theirs), 2) if theirs else None,
        rounds,
    )
