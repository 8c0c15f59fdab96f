"""A histogram says what its raw samples say, within the width of a bucket, however they were gathered."""

import math
from fractions import Fraction
from random import Random

import msgspec
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given
from hypothesis import strategies as st

from loadtests.figures.histogram import LONGEST_US, PERCENTILES, Latencies, bucket_of

# From below a microsecond to beyond ten minutes, dense where buckets change their width.
microseconds = (
    st.integers(0, 5_000)
    | st.integers(0, 2 * LONGEST_US)
    | st.integers(10, 30).flatmap(lambda bits: st.integers(2**bits - 2, 2**bits + 2))
)
samples = st.lists(microseconds.map(lambda us: us / 1e6), max_size=60)
percents = st.sampled_from([*PERCENTILES.values(), 75.0, 97.125, 100.0])


def exact_us(samples_s: list[float], percent: float) -> int:
    """The nearest-rank percentile of the samples themselves."""
    values = sorted(min(round(sample * 1e6), LONGEST_US) for sample in samples_s)
    rank = math.ceil(Fraction(str(percent)) / 100 * len(values))
    return values[max(rank, 1) - 1]


@given(samples.filter(bool), percents)
def test_a_percentile_is_the_exact_one_within_its_buckets_width(
    samples_s: list[float], percent: float
) -> None:
    exact = exact_us(samples_s, percent)

    shown_us = Latencies(samples_s).percentile_ms(percent) * 1000

    assert exact - 1e-6 <= shown_us <= exact * (1 + 1 / 1024) + 1e-6


@given(samples)
def test_count_mean_and_longest_are_exact(samples_s: list[float]) -> None:
    values = [min(round(sample * 1e6), LONGEST_US) for sample in samples_s]

    latencies = Latencies(samples_s)

    assert latencies.count == len(values)
    assert latencies.total_us == sum(values)
    assert latencies.longest_us == max(values, default=0)
    assert latencies.clipped == sum(round(sample * 1e6) > LONGEST_US for sample in samples_s)


@given(st.lists(samples, max_size=5), st.randoms())
def test_merged_in_any_order_and_grouping_it_is_what_one_had_counted(
    parts: list[list[float]], random: Random
) -> None:
    whole = Latencies([sample for part in parts for sample in part])
    histograms = [Latencies(part) for part in parts]

    while len(histograms) > 1:
        random.shuffle(histograms)
        one = histograms.pop()
        histograms[-1].merge(one)

    merged = histograms[0] if histograms else Latencies()
    assert merged.to_octets() == whole.to_octets()
    assert merged.count == whole.count


@given(samples, samples)
def test_octets_are_the_histogram_again(first: list[float], second: list[float]) -> None:
    again = Latencies.from_octets(Latencies(first).to_octets())
    again.merge_octets(Latencies(second).to_octets())

    assert again.to_octets() == Latencies(first + second).to_octets()
    assert again.latency() == Latencies(first + second).latency()


@given(st.binary(max_size=20))
@example(b"\x94\x01\x01\x00\x91\x05")
def test_octets_of_something_else_are_refused_or_are_a_histogram(octets: bytes) -> None:
    try:
        latencies = Latencies.from_octets(octets)
    except msgspec.MsgspecError:
        return
    assert latencies.to_octets()


@given(st.integers(0, LONGEST_US))
def test_buckets_are_hdr_histograms(us: int) -> None:
    assert bucket_of(us) == HdrHistogram(1, LONGEST_US, 3).get_counts_array_index(us)


@given(samples)
def test_the_interchange_form_says_the_same(samples_s: list[float]) -> None:
    latencies = Latencies(samples_s)

    decoded = HdrHistogram.decode(latencies.to_hdr())

    assert decoded.get_total_count() == latencies.count
    expected = HdrHistogram(1, LONGEST_US, 3)
    for sample in samples_s:
        expected.record_value(min(round(sample * 1e6), LONGEST_US))
    assert list(decoded.counts) == list(expected.counts)


@given(samples.filter(bool), st.integers(0, LONGEST_US // 1000))
def test_the_share_above_a_limit_is_exact_but_for_the_limits_own_bucket(
    samples_s: list[float], limit_ms: int
) -> None:
    values = [min(round(sample * 1e6), LONGEST_US) for sample in samples_s]
    over = sum(us > limit_ms * 1000 for us in values)
    far_over = sum(us > limit_ms * 1000 * (1 + 1 / 1024) + 1 for us in values)

    share = Latencies(samples_s).share_over(limit_ms) * len(values)

    assert far_over - 1e-9 <= share <= over + 1e-9


def test_known_answers() -> None:
    latencies = Latencies([number / 1000 for number in range(1, 1001)])  # 1 ms to 1,000 ms

    latency = latencies.latency()

    assert latency.count == 1000
    assert latency.p50 == pytest.approx(500, rel=1 / 1024)
    assert latency.p999 == pytest.approx(999, rel=1 / 1024)
    assert latency.p9999 == latency.max == 1000
    assert latencies.mean_ms == 500.5


def test_nothing_measured_is_all_zero() -> None:
    assert Latencies().latency().count == Latencies().latency().p99 == Latencies().mean_ms == 0


def test_a_latency_before_its_time_is_none_at_all() -> None:
    latencies = Latencies([-0.5, 0.001])

    assert (latencies.count, latencies.total_us, latencies.clipped) == (2, 1000, 0)
