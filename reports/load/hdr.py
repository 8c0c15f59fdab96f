"""Reading an HdrHistogram's V2 compressed form.

A few lines of our own, where a library exists: it holds every counter of the range, forty thousand for an operation,
and walks them one by one; a page needs the few that counted. And a file is read with a bound.

Source: HdrHistogram's "V2 encoding" (ZigZag LEB128 counts; a negative one is a run of empty counters).
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.errors import UsageError

__all__ = ["Bucket", "decode"]

_COMPRESSED: Final = 0x1C849304
_PLAIN: Final = 0x1C849303
_WORD_SIZE_BITS: Final = 0xF0
_OUTER: Final = struct.Struct(">II")
_INNER: Final = struct.Struct(">IIIIQQd")

# Ours: far above the counters of any range and precision that the format allows in practice.
_MAX_OCTETS: Final = 16 * 1024 * 1024
# Values have 64 bits.
_MAX_EXPONENT: Final = 64


@dataclass(frozen=True, slots=True)
class Bucket:
    """`count` values from `low` to `high`, both included, in the histogram's unit."""

    low: int
    high: int
    count: int


def decode(text: str) -> list[Bucket]:
    """The buckets that counted something, in order.

    Args:
        text: Base64 of the compressed form.

    Raises:
        UsageError: It is no such histogram, or a damaged one.
    """
    try:
        payload = _inflate(base64.b64decode(text, validate=True))
        cookie, length, _offset, digits, lowest, _highest, _ratio = _INNER.unpack_from(payload)
        if cookie & ~_WORD_SIZE_BITS != _PLAIN or not 0 <= digits <= 5 or lowest < 1:
            raise UsageError("the histogram is of another kind")
        return list(_buckets(payload[_INNER.size : _INNER.size + length], digits, lowest))
    except (binascii.Error, struct.error, zlib.error, ValueError) as exc:
        raise UsageError(f"the histogram is damaged: {exc}") from exc


def _inflate(octets: bytes) -> bytes:
    cookie, length = _OUTER.unpack_from(octets)
    if cookie & ~_WORD_SIZE_BITS != _COMPRESSED:
        raise UsageError("the histogram is of another kind")
    inflater = zlib.decompressobj()
    payload = inflater.decompress(octets[_OUTER.size : _OUTER.size + length], _MAX_OCTETS)
    if not inflater.eof:
        raise UsageError("the histogram is damaged: it is cut, or far too long")
    return payload


def _buckets(counters: bytes, digits: int, lowest: int) -> Iterator[Bucket]:
    magnitude = lowest.bit_length() - 1
    # Two counters for each distinguishable step of the lower half, as the format's authors have it.
    half_bits = max((2 * 10**digits - 1).bit_length() - 1, 0)
    index = 0
    for word in _words(counters):
        if word < 0:
            index -= word
            continue
        if index >> half_bits > _MAX_EXPONENT:
            raise UsageError("the histogram is damaged: it counts what no range holds")
        if word:
            exponent = max((index >> half_bits) - 1, 0)
            step = exponent + magnitude
            low = (index - (exponent << half_bits)) << step
            yield Bucket(low, low + (1 << step) - 1, word)
        index += 1


def _words(octets: bytes) -> Iterator[int]:
    """ZigZag LEB128: seven bits an octet, the ninth octet has eight."""
    word = shift = 0
    for octet in octets:
        ninth = shift == 56
        word |= (octet if ninth else octet & 0x7F) << shift
        if octet & 0x80 and not ninth:
            shift += 7
            continue
        yield (word >> 1) ^ -(word & 1)
        word = shift = 0
    if shift:
        raise UsageError("the histogram is damaged: it is cut")
