"""Latencies as a histogram: a sample costs one small count, and merging loses nothing.

The buckets are HdrHistogram's for 1 µs to 600 s with three significant digits: a bucket is never wider than
1/1024 of its values. Only buckets that hold something are kept, so that thousands of histograms (one for each
operation and second of a run) fit in memory and on the wire.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Final, Self

import msgspec
from hdrh.histogram import HdrHistogram

from harness.results.load import Latency

__all__ = ["LONGEST_US", "PERCENTILES", "Latencies"]

# Ours: ten minutes, longer than any timeout that mail knows (RFC 5321 §4.5.3.2.6 waits as long for the final reply).
LONGEST_US: Final = 600_000_000
SIGNIFICANT_DIGITS: Final = 3

# HdrHistogram's layout: values below 2**11 have a bucket each, every further power of two has 2**10 buckets.
_HALF_BITS: Final = 10
_LAYOUT: Final = HdrHistogram(1, LONGEST_US, SIGNIFICANT_DIGITS)

# The percentiles that `Latency` has, by the names of its fields.
PERCENTILES: Final = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "p9999": 99.99}

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """A histogram on the wire; `buckets`: how far on the next one that holds something is, and what it holds."""

    total_us: _Count
    longest_us: _Count
    clipped: _Count
    buckets: list[tuple[_Count, _Count]]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Packed)


def bucket_of(us: int) -> int:
    """The index of the bucket that counts `us`; the bucket's share of its values is at most 1/1024."""
    shift = us.bit_length() - _HALF_BITS - 1
    return (shift << _HALF_BITS) + (us >> shift) if shift > 0 else us


class Latencies:
    """How long something took, many times over.

    Attributes:
        count: Samples in all.
        clipped: Samples over ten minutes; they count as ten minutes.
        total_us: The sum of all samples, exact to the microsecond each was rounded to.
        longest_us: The longest sample, exact likewise.
    """

    __slots__ = ("_buckets", "clipped", "count", "longest_us", "total_us")

    def __init__(self, samples_s: Sequence[float] = ()) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.clipped = 0
        self.total_us = 0
        self.longest_us = 0
        self.add_many(samples_s)

    def add_many(self, samples_s: Sequence[float]) -> None:
        """Count samples in seconds; one below zero (two clocks that disagree) counts as zero."""
        if not samples_s:
            return
        values = [int(sample * 1e6 + 0.5) for sample in samples_s]
        longest = max(values)
        if longest > LONGEST_US or min(values) < 0:
            self.clipped += sum(us > LONGEST_US for us in values)
            values = [min(max(us, 0), LONGEST_US) for us in values]
            longest = max(values)
        # Many of them are the same microseconds; to count those first costs half.
        for us, times in Counter(values).items():
            self._buckets[bucket_of(us)] += times
        self.count += len(values)
        self.total_us += sum(values)
        self.longest_us = max(self.longest_us, longest)

    def merge(self, other: "Latencies") -> None:
        """Count all that `other` has counted."""
        self._take(other._buckets.items(), other.total_us, other.longest_us, other.clipped)

    def merge_octets(self, octets: bytes) -> None:
        """Count what another process has counted and sent by `to_octets`.

        Raises:
            msgspec.MsgspecError: These are not the octets of a histogram.
        """
        packed = _DECODER.decode(octets)
        indices = accumulate(gap for gap, _ in packed.buckets)
        buckets = ((index, held) for index, (_, held) in zip(indices, packed.buckets, strict=True))
        self._take(buckets, packed.total_us, packed.longest_us, packed.clipped)

    def _take(self, buckets: Iterable[tuple[int, int]], total_us: int, longest_us: int, clipped: int) -> None:
        for index, held in buckets:
            self._buckets[index] += held
            self.count += held
        self.total_us += total_us
        self.longest_us = max(self.longest_us, longest_us)
        self.clipped += clipped

    def percentile_ms(self, percent: float) -> float:
        """The smallest latency that at least `percent` % of the samples do not exceed; 0 where there is none.

        It is the top of its bucket: at most 1/1024 (and a microsecond) above the exact value, never below it.
        """
        return self.percentiles_ms([percent])[0]

    def percentiles_ms(self, percents: Sequence[float]) -> list[float]:
        """`percentile_ms` of each, in one pass."""
        if not self.count:
            return [0.0] * len(percents)
        indices = sorted(self._buckets)
        passed = list(accumulate(map(self._buckets.__getitem__, indices)))
        reached = (indices[bisect_left(passed, self.rank(percent))] for percent in percents)
        return [min(_top_us(index), self.longest_us) / 1000 for index in reached]

    def rank(self, percent: float) -> int:
        """Which sample, counted from 1 in order of length, is that percentile. `percent` has three decimals."""
        return max(1, -(-round(percent * 1000) * self.count // 100_000))

    @property
    def max_ms(self) -> float:
        return self.longest_us / 1000

    @property
    def mean_ms(self) -> float:
        return self.total_us / self.count / 1000 if self.count else 0.0

    def share_over(self, limit_ms: float) -> float:
        """The share of samples whose bucket lies wholly above `limit_ms`, from 0 to 1."""
        edge = bucket_of(min(int(limit_ms * 1000), LONGEST_US))
        over = sum(held for index, held in self._buckets.items() if index > edge)
        return over / self.count if self.count else 0.0

    def latency(self) -> Latency:
        """The figures of `summary.json`."""
        percentiles = self.percentiles_ms(list(PERCENTILES.values()))
        return Latency(count=self.count, max=self.max_ms, **dict(zip(PERCENTILES, percentiles, strict=True)))

    def to_octets(self) -> bytes:
        """For another process: three or four octets for each bucket that holds something."""
        indices, held = zip(*sorted(self._buckets.items()), strict=True) if self._buckets else ((), ())
        gaps = [index - before for before, index in pairwise((0, *indices))]
        buckets = list(zip(gaps, held, strict=True))
        return _ENCODER.encode(_Packed(self.total_us, self.longest_us, self.clipped, buckets))

    @classmethod
    def from_octets(cls, octets: bytes) -> Self:
        """
        Raises:
            msgspec.MsgspecError: These are not the octets of a histogram.
        """
        latencies = cls()
        latencies.merge_octets(octets)
        return latencies

    def to_hdr(self) -> str:
        """HdrHistogram's own interchange form (V2, compressed, base64), values in microseconds."""
        histogram = HdrHistogram(1, LONGEST_US, SIGNIFICANT_DIGITS)
        for index, held in self._buckets.items():
            histogram.record_value(_LAYOUT.get_value_from_index(index), held)
        return str(histogram.encode(), "ascii")

    def __repr__(self) -> str:
        return f"<Latencies count={self.count} max_ms={self.max_ms}>"


def _top_us(index: int) -> int:
    """The largest value that the bucket counts."""
    return int(_LAYOUT.get_highest_equivalent_value(_LAYOUT.get_value_from_index(index)))
