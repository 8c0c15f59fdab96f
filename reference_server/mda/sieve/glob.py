"""Wildcards: ``*`` and ``?`` (RFC 5228 §2.7.1), and what they stand for (RFC 5229 §3.2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["captured", "glob"]


@dataclass(frozen=True, slots=True)
class _Segment:
    """Octets of a pattern between two ``*``; `wild` are the places of ``?``."""

    octets: bytes
    wild: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.octets)

    @property
    def expression(self) -> re.Pattern[bytes]:
        wild = frozenset(self.wild)
        return re.compile(
            b"".join(
                b"." if index in wild else re.escape(self.octets[index : index + 1])
                for index in range(len(self.octets))
            ),
            re.DOTALL,
        )

    def find(self, value: bytes, start: int, end: int) -> int:
        """The first place from `start` on, all of it before `end`; -1 where there is none."""
        if not self.wild:
            return value.find(self.octets, start, end)
        found = self.expression.search(value, start, end)
        return found.start() if found else -1

    def stands_at(self, value: bytes, at: int) -> bool:
        if not self.wild:
            return value.startswith(self.octets, at)
        return at + len(self) <= len(value) and self.expression.match(value, at) is not None


@lru_cache(maxsize=256)
def _segments(pattern: bytes) -> tuple[_Segment, ...]:
    """A pattern divided at its stars; a backslash takes the next octet's meaning away."""
    segments: list[_Segment] = []
    octets = bytearray()
    wild: list[int] = []
    at = 0
    while at < len(pattern):
        octet = pattern[at : at + 1]
        at += 1
        if octet == b"*":
            segments.append(_Segment(bytes(octets), tuple(wild)))
            octets, wild = bytearray(), []
            continue
        if octet == b"?":
            wild.append(len(octets))
        elif octet == b"\\" and at < len(pattern):
            octet = pattern[at : at + 1]
            at += 1
        octets += octet
    return (*segments, _Segment(bytes(octets), tuple(wild)))


def glob(value: bytes, pattern: bytes) -> list[tuple[int, int]] | None:
    """Hold the whole value against a pattern of ``*``, ``?`` and octets.

    The first and last segment are fixed at the value's ends, and each between two stars is taken where it first fits:
    a later place leaves less room, so nothing is ever tried again, and every star has as little as possible
    (RFC 5229 §3.2).

    Returns:
        None where it does not match, else start and end of what each wildcard stands for, in the pattern's order.
    """
    first, *others = _segments(pattern)
    if not others:
        return _wild(first, 0) if len(value) == len(first) and first.stands_at(value, 0) else None
    if not first.stands_at(value, 0):
        return None
    *middle, last = others
    end = len(value) - len(last)
    places, at = _wild(first, 0), len(first)
    for segment in middle:
        found = segment.find(value, at, max(end, 0))
        if found < 0:
            return None
        places += [(at, found), *_wild(segment, found)]
        at = found + len(segment)
    if at > end or not last.stands_at(value, end):
        return None
    return [*places, (at, end), *_wild(last, end)]


def _wild(segment: _Segment, start: int) -> list[tuple[int, int]]:
    return [(start + index, start + index + 1) for index in segment.wild]


def captured(value: bytes, places: Sequence[tuple[int, int]]) -> tuple[bytes, ...]:
    """Match variables: the value, then what each wildcard stands for (RFC 5229 §3.2)."""
    return (value, *(value[start:end] for start, end in places))
