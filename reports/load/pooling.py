"""A series in fewer intervals than it has."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from harness.results.load import Interval, OperationInterval, Series

__all__ = ["BANDS", "pooled"]

# The figures of an interval's latencies, from the highest.
BANDS: Final = ("max", "p99", "p95", "p90", "p50")


def pooled(series: Series, most: int) -> Series:
    """The same run in at most so many intervals.

    Counts are added. Percentiles cannot be: each is the highest of the intervals that were put together, so that no
    peak is lost.
    """
    together = -(-len(series.intervals) // most)
    if together <= 1:
        return series
    groups = [series.intervals[at : at + together] for at in range(0, len(series.intervals), together)]
    return Series(interval_s=series.interval_s * together, intervals=[_together(group) for group in groups])


def _together(group: Sequence[Interval]) -> Interval:
    errors = Counter[str]()
    for interval in group:
        errors.update(interval.errors)
    names = dict.fromkeys(name for interval in group for name in interval.operations)
    return Interval(
        at_s=group[0].at_s,
        due=sum(interval.due for interval in group),
        begun=sum(interval.begun for interval in group),
        completed=sum(interval.completed for interval in group),
        failed=sum(interval.failed for interval in group),
        active=max(interval.active for interval in group),
        errors=dict(errors),
        operations={
            name: _highest([interval.operations[name] for interval in group if name in interval.operations])
            for name in names
        },
    )


def _highest(group: Sequence[OperationInterval]) -> OperationInterval:
    timed = [one for one in group if one.count]
    highest = {band: max((getattr(one, band) for one in timed), default=0.0) for band in BANDS}
    return OperationInterval(
        count=sum(one.count for one in group), failed=sum(one.failed for one in group), **highest
    )
