"""How much of a difference between two percentiles the samples alone explain."""

from collections.abc import Sequence
from itertools import accumulate
from math import ceil, floor, sqrt
from typing import Final

from reports.load.hdr import Bucket

__all__ = ["FEW", "QUANTILES", "above", "interval_ms", "overlap"]

QUANTILES: Final = {
    "p50": 0.5,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p999": 0.999,
    "p9999": 0.9999,
    "max": 1.0,
}

# Ours: a percentile with fewer samples above it is the luck of a few.
FEW: Final = 10

# Of the normal distribution: 95 of 100 lie within.
_DEVIATIONS: Final = 1.96

Interval = tuple[float, float]


def above(count: int, measure: str) -> int:
    """How many of so many samples lie above a percentile; of the longest, itself."""
    return max(floor(count * (1 - QUANTILES[measure]) + 1e-9), 1)


def interval_ms(buckets: Sequence[Bucket], measure: str) -> Interval | None:
    """Where 95 of 100 runs of as many samples would have this percentile; None where the samples do not tell.

    By the ranks between which the quantile of any distribution lies, whatever its shape (the binomial interval of an
    order statistic). Samples of one run are less independent than this takes them to be, so a run's true uncertainty
    is larger, never smaller.

    Args:
        buckets: Of microseconds.
    """
    q = QUANTILES[measure]
    totals = list(accumulate(bucket.count for bucket in buckets))
    count = totals[-1] if totals else 0
    reach = _DEVIATIONS * sqrt(count * q * (1 - q))
    first, last = floor(count * q - reach), ceil(count * q + reach) + 1
    if not reach or first < 1 or last > count:
        return None
    low = next(bucket.low for bucket, total in zip(buckets, totals, strict=True) if total >= first)
    high = next(bucket.high for bucket, total in zip(buckets, totals, strict=True) if total >= last)
    return low / 1000, high / 1000


def overlap(one: Interval | None, other: Interval | None) -> bool:
    """Whether both are known and have a value in common."""
    return one is not None and other is not None and one[0] <= other[1] and other[0] <= one[1]
