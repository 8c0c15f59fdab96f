"""Sequence sets: message numbers or UIDs as IMAP writes them, ``2,4:7,12:*``."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from harness.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["LARGEST", "MAX_EXPANDED", "MAX_NUMBER", "SequenceSet"]

# RFC 3501 §9: nz-number has 32 bits.
MAX_NUMBER: Final = 2**32 - 1

# What stands for ``*`` in a range: zero is no message number and no UID.
LARGEST: Final = 0

# Ours: how many numbers one set may be expanded to; ``1:4294967295`` is 12 octets on the wire.
MAX_EXPANDED: Final = 1_000_000

_RANGE: Final = re.compile(rb"(?P<first>\*|[1-9][0-9]{0,9})(?::(?P<last>\*|[1-9][0-9]{0,9}))?")


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges in the order written, ends included and as written; one number is a range of one.

    `LARGEST` stands for ``*``, whose number only the mailbox knows. Two sets are equal when written alike;
    compare `normalised` to compare what they mean.

    Source: RFC 3501 §9 and RFC 9051 §9, sequence-set; RFC 4315 §4, uid-set.
    """

    ranges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if not self.ranges:
            raise LocalProtocolError("a sequence set has at least one number")
        for number in (end for ends in self.ranges for end in ends):
            if not LARGEST <= number <= MAX_NUMBER:
                raise LocalProtocolError(f"{number} is neither a message number nor a UID")

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read a set as it stands on the wire, without ``$``.

        Raises:
            RemoteProtocolError: It breaks the grammar or a number has more than 32 bits.
        """
        return cls(tuple(_read_range(part, text) for part in text.split(b",")))

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """The shortest set of these numbers, ascending.

        Raises:
            LocalProtocolError: None are given, or one is not from 1 to 2**32 - 1.
        """
        return cls(tuple(_merged((number, number) for number in numbers)))

    def encode(self) -> bytes:
        """As it stands on the wire; what was parsed comes out as it was, but for ``3:3``, which is ``3``."""
        return b",".join(_write_range(first, last) for first, last in self.ranges)

    @property
    def has_largest(self) -> bool:
        """Whether ``*`` occurs."""
        return any(LARGEST in ends for ends in self.ranges)

    def normalised(self, largest: int | None = None) -> Self:
        """The same numbers as ascending ranges that neither overlap nor touch.

        Args:
            largest: The number ``*`` stands for, at least 1.

        Raises:
            LocalProtocolError: ``*`` occurs and `largest` is not given.
        """
        return type(self)(tuple(self._resolved(largest)))

    def contains(self, number: int, largest: int | None = None) -> bool:
        """Whether a number is in the set, ``*`` being `largest`. Raises as `normalised`."""
        return any(first <= number <= last for first, last in self._resolved(largest))

    def count(self, largest: int | None = None) -> int:
        """How many different numbers there are. Raises as `normalised`."""
        return sum(last - first + 1 for first, last in self._resolved(largest))

    def expand(self, largest: int | None = None, *, limit: int = MAX_EXPANDED) -> list[int]:
        """The different numbers, ascending.

        Raises:
            LocalProtocolError: There are more than `limit`; or as `normalised`.
        """
        return list(_numbers(self._resolved(largest), limit))

    def in_order(self, *, limit: int = MAX_EXPANDED) -> list[int]:
        """The numbers range by range as written, each range ascending: what pairs the two sets of COPYUID.

        Raises:
            LocalProtocolError: ``*`` occurs, or there are more than `limit`.

        Source: RFC 4315 §3.
        """
        if self.has_largest:
            raise LocalProtocolError("* has no number of its own")
        return list(_numbers([(min(ends), max(ends)) for ends in self.ranges], limit))

    def _resolved(self, largest: int | None) -> list[tuple[int, int]]:
        if largest is None and self.has_largest:
            raise LocalProtocolError("* has no number of its own")
        return _merged((first or largest or 1, last or largest or 1) for first, last in self.ranges)


def _read_range(part: bytes, text: bytes) -> tuple[int, int]:
    found = _RANGE.fullmatch(part)
    if found is None:
        raise RemoteProtocolError(f"not a sequence set: {text[:80]!r}")
    first = _read_number(found["first"])
    return first, first if found["last"] is None else _read_number(found["last"])


def _read_number(text: bytes) -> int:
    number = LARGEST if text == b"*" else int(text)
    if number > MAX_NUMBER:
        raise RemoteProtocolError(f"a number of more than 32 bits: {text.decode()}")
    return number


def _write_range(first: int, last: int) -> bytes:
    ends = [b"%d" % end if end != LARGEST else b"*" for end in (first, last)]
    return ends[0] if first == last else b":".join(ends)


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted((min(ends), max(ends)) for ends in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _numbers(ranges: list[tuple[int, int]], limit: int) -> Iterator[int]:
    count = sum(last - first + 1 for first, last in ranges)
    if count > limit:
        raise LocalProtocolError(f"a sequence set of {count} numbers, at most {limit} are listed")
    for first, last in ranges:
        yield from range(first, last + 1)
