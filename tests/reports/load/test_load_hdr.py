"""Histograms as another implementation wrote them, and damaged ones."""

import base64
import zlib
from contextlib import suppress

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from reports.load.hdr import Bucket, decode


def written(values: list[int], digits: int = 3) -> str:
    histogram = HdrHistogram(1, 600_000_000, digits)
    for value in values:
        histogram.record_value(value)
    return str(histogram.encode().decode("ascii"))


@settings(max_examples=30)
@given(
    values=st.lists(st.integers(1, 600_000_000) | st.integers(1, 5_000), max_size=60),
    digits=st.integers(1, 3),
)
def test_it_reads_what_the_library_writes(values: list[int], digits: int) -> None:
    text = written(values, digits)

    library = HdrHistogram.decode(text)
    expected = [
        Bucket(
            library.get_lowest_equivalent_value(item.value_iterated_to),
            library.get_highest_equivalent_value(item.value_iterated_to),
            item.count_at_value_iterated_to,
        )
        for item in library.get_recorded_iterator()
    ]
    assert decode(text) == expected


@given(values=st.lists(st.integers(1, 600_000_000), min_size=1, max_size=60))
def test_every_value_is_in_a_bucket_as_narrow_as_the_digits_promise(values: list[int]) -> None:
    buckets = decode(written(values))

    assert sum(bucket.count for bucket in buckets) == len(values)
    for value in values:
        (bucket,) = (bucket for bucket in buckets if bucket.low <= value <= bucket.high)
        assert bucket.high - bucket.low <= value / 1000


def test_counts_beyond_an_octet_are_read_whole() -> None:
    histogram = HdrHistogram(1, 600_000_000, 3)
    for value, count in ((5, 1), (70_000, 63), (71_000, 64), (80_000, 8192), (599_000_000, 2**40)):
        histogram.record_value(value, count)

    assert [bucket.count for bucket in decode(histogram.encode().decode())] == [1, 63, 64, 8192, 2**40]


@given(
    text=st.text(max_size=80) | st.binary(max_size=120).map(lambda octets: base64.b64encode(octets).decode())
)
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the histogram is"):
        decode(text)


@given(cut=st.integers(0, 60), flip=st.integers(0, 60), bit=st.integers(0, 7))
def test_a_damaged_one_is_read_or_refused_and_nothing_else(cut: int, flip: int, bit: int) -> None:
    payload = bytearray(zlib.decompress(base64.b64decode(written([5, 70_000, 599_000_000]))[8:]))
    payload[flip % len(payload)] ^= 1 << bit
    compressed = zlib.compress(bytes(payload[: len(payload) - cut % len(payload)]))
    text = base64.b64encode(b"\x1c\x84\x93\x14" + len(compressed).to_bytes(4, "big") + compressed).decode()

    with suppress(UsageError):
        assert all(bucket.low <= bucket.high for bucket in decode(text))


def test_a_bomb_is_not_unpacked() -> None:
    compressed = zlib.compress(b"\x1c\x84\x93\x13" + bytes(64 * 1024 * 1024))
    text = base64.b64encode(b"\x1c\x84\x93\x14" + len(compressed).to_bytes(4, "big") + compressed).decode()

    with pytest.raises(UsageError, match="far too long"):
        decode(text)
