"""Sequence sets (RFC 3501 §9; RFC 9051 §9): ``1,3:5,7:*``."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.errors import RemoteProtocolError

__all__ = ["MAX_NUMBER", "SequenceSet"]

# RFC 3501 §9: nz-number is below 2^32.
MAX_NUMBER: Final = 2**32 - 1

# Ours: how many ranges one set may have.
_MAX_RANGES: Final = 10_000

_SET: Final = re.compile(
    rb"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?(?:,(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?)*"
)


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as written; None stands for ``*``, the largest number in use."""

    ranges: tuple[tuple[int | None, int | None], ...]

    @classmethod
    def parse(cls, octets: bytes) -> "SequenceSet":
        """Read a set.

        Raises:
            RemoteProtocolError: Not a sequence set, a number beyond `MAX_NUMBER`, or too many ranges.
        """
        if not _SET.fullmatch(octets):
            raise RemoteProtocolError(f"not a sequence set: {octets[:80]!r}")
        parts = octets.split(b",")
        if len(parts) > _MAX_RANGES:
            raise RemoteProtocolError(f"a set of {len(parts)} ranges, at most {_MAX_RANGES}")
        return cls(tuple(_range(part) for part in parts))

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "SequenceSet":
        """The shortest set of these numbers, rising.

        Raises:
            ValueError: There is none: a set cannot be empty.
        """
        ranges: list[tuple[int, int]] = []
        for number in sorted(set(numbers)):
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1] = (ranges[-1][0], number)
            else:
                ranges.append((number, number))
        if not ranges:
            raise ValueError("a sequence set has at least one number")
        return cls(tuple(ranges))

    def encode(self) -> bytes:
        """One number alone where both ends are the same."""
        return b",".join(
            _number(first) if first == last else _number(first) + b":" + _number(last)
            for first, last in self.ranges
        )

    def contains(self, number: int, largest: int) -> bool:
        """Whether the number is in the set when ``*`` is `largest`; ends may stand in either order."""
        for ends in self.ranges:
            first, last = (largest if end is None else end for end in ends)
            if min(first, last) <= number <= max(first, last):
                return True
        return False

    def select(self, numbers: Iterable[int], largest: int) -> list[int]:
        """Those of the numbers that are in the set, in their order."""
        return [number for number in numbers if self.contains(number, largest)]

    def numbers(self, limit: int = 100_000) -> Iterator[int]:
        """Every number of a set without ``*``, in the set's order.

        Raises:
            RemoteProtocolError: The set holds ``*``, or more than `limit` numbers.
        """
        count = 0
        for first, last in self.ranges:
            if first is None or last is None:
                raise RemoteProtocolError("'*' stands for no number here")
            count += abs(last - first) + 1
            if count > limit:
                raise RemoteProtocolError(f"a set of more than {limit} numbers")
            step = 1 if first <= last else -1
            yield from range(first, last + step, step)


def _range(part: bytes) -> tuple[int | None, int | None]:
    first, _, last = part.partition(b":")
    return _end(first), _end(last or first)


def _end(octets: bytes) -> int | None:
    if octets == b"*":
        return None
    if int(octets) > MAX_NUMBER:
        raise RemoteProtocolError(f"{octets.decode()} is beyond {MAX_NUMBER}")
    return int(octets)


def _number(number: int | None) -> bytes:
    return b"*" if number is None else b"%d" % number
