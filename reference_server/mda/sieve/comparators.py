"""Comparators (RFC 5228 §2.7.3) and the relations of RFC 5231."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["COMPARATORS", "Comparator", "Relation"]


class Relation(StrEnum):
    """The operators of ``:value`` and ``:count`` (RFC 5231 §4)."""

    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    EQ = "eq"
    NE = "ne"

    def holds(self, left: "Key", right: "Key") -> bool:
        match self:
            case Relation.GT:
                return left > right
            case Relation.GE:
                return left >= right
            case Relation.LT:
                return left < right
            case Relation.LE:
                return left <= right
            case Relation.EQ:
                return left == right
            case Relation.NE:
                return left != right


# What a comparator makes of a string; keys of one comparator can be compared, and order as it orders the strings.
Key = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Comparator:
    """A collation (RFC 4790).

    Attributes:
        fold: Octets -> octets of the same length that are equal where the comparator says so; None where there is
            no substring match.
        key: For equality and order.
    """

    name: str
    fold: Callable[[bytes], bytes] | None
    key: Callable[[bytes], Key]


def _numeric(octets: bytes) -> Key:
    """The number that the string begins with; infinity where it begins with none (RFC 4790, i;ascii-numeric)."""
    digits = octets[: len(octets) - len(octets.lstrip(b"0123456789"))]
    if not digits:
        return (_INFINITE, b"")
    significant = digits.lstrip(b"0")
    return (len(significant), significant)


_INFINITE: Final = 2**63

# RFC 5228 §2.7.3; i;ascii-numeric: RFC 5231 §3.
COMPARATORS: Final = {
    comparator.name: comparator
    for comparator in (
        Comparator("i;octet", lambda octets: octets, lambda octets: (0, octets)),
        Comparator("i;ascii-casemap", bytes.upper, lambda octets: (0, octets.upper())),
        Comparator("i;ascii-numeric", None, _numeric),
    )
}
