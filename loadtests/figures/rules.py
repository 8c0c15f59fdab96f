"""How a limit is written: `limits` has the grammar, and this reads it."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from harness.errors import UsageError
from harness.results.load import Audit
from loadtests.figures.histogram import PERCENTILES

__all__ = ["AUDITED", "COMPARATORS", "DELIVERY", "ERRORS", "Rule", "Unit", "percent_of", "read_rule"]

COMPARATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}

# What a rule can be about beside operations.
ERRORS: Final = "errors"
DELIVERY: Final = "delivery"
AUDITED: Final[Mapping[str, Callable[[Audit], int]]] = {
    "lost": lambda audit: audit.lost,
    "duplicated": lambda audit: audit.duplicated,
    "corrupted": lambda audit: audit.corrupted,
    "misdelivered": lambda audit: audit.misdelivered,
    "late": lambda audit: audit.late,
}


class Unit(NamedTuple):
    """A unit, and how much it is of what figures are measured in (ms, %, times, per second)."""

    text: str
    size: float


_TIMES: Final = (Unit("us", 0.001), Unit("ms", 1), Unit("s", 1000), Unit("min", 60_000))
_RATES: Final = (Unit("/s", 1), Unit("/min", 1 / 60))
_SHARES: Final = (Unit("%", 1),)
_NUMBERS: Final = (Unit("", 1),)

# The units of each statistic but the percentiles.
_STATISTICS: Final[Mapping[str, tuple[Unit, ...]]] = {
    "max": _TIMES,
    "mean": _TIMES,
    "count": _NUMBERS,
    "rate": _RATES,
    "errors": _SHARES,
}

# What `Audit.readable_after_ms` holds.
_OF_DELIVERY: Final = (*(f"p{percent:g}" for percent in PERCENTILES.values()), "max", "count")

_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_OPERATION: Final = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+")
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?|100)")
_COMPARATOR: Final = re.compile(r"[<>=!]+")
_NUMBER: Final = re.compile(r"[\d.]+")
_READABLE_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,6})?")
_UNIT: Final = re.compile(r"[^\s\d]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, read. `statistic` is empty where the subject is a figure already; `bound` is in `unit`."""

    subject: str
    statistic: str
    comparator: str
    bound: float
    unit: Unit

    def __str__(self) -> str:
        what = f"{self.subject} {self.statistic}".rstrip()
        number = f"{self.bound:.6f}".rstrip("0").rstrip(".")
        space = " " if self.unit in _TIMES else ""
        return f"{what} {self.comparator} {number}{space}{self.unit.text}"


def percent_of(statistic: str) -> float | None:
    """95.0 of ``p95``; None where it is no percentile."""
    found = _PERCENTILE.fullmatch(statistic)
    return float(found[1]) if found and float(found[1]) > 0 else None


def read_rule(text: str) -> Rule:
    """
    Raises:
        UsageError: Where the rule is wrong, what stands there and what may.
    """
    reader = _Reader(text)
    subject = reader.subject()
    statistic, units = reader.statistic(subject)
    comparator = reader.word(_COMPARATOR, COMPARATORS.__contains__, _any_of(*COMPARATORS))
    bound = float(reader.word(_NUMBER, _READABLE_NUMBER.fullmatch, "a number (9 digits, 6 decimals at most)"))
    unit = reader.unit(units, bound)
    reader.end()
    return Rule(subject, statistic, comparator, bound, unit)


class _Reader:
    """Reads word after word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def word(self, pattern: re.Pattern[str], allowed: Callable[[str], object], said: str) -> str:
        """The next word, where it is allowed; `said` is what is."""
        found = pattern.match(self._text, self._at)
        if found is None or not allowed(found[0]):
            raise self._wrong(said)
        self._at = found.end()
        self._skip()
        return found[0]

    def _wrong(self, said: str) -> UsageError:
        rest = self._text[self._at :].split()
        stands = f"stands {rest[0]!r}" if rest else "it ends"
        return UsageError(f"limit {self._text!r}: at column {self._at + 1} {stands}, and {said} was expected")

    def subject(self) -> str:
        plain = (ERRORS, DELIVERY, *AUDITED)
        said = f"an operation (as smtp.message) or {_any_of(*plain)}"
        return self.word(_NAME, lambda word: word in plain or _OPERATION.fullmatch(word), said)

    def statistic(self, subject: str) -> tuple[str, tuple[Unit, ...]]:
        """The statistic and the units it may have."""
        if subject == ERRORS:
            return "", _SHARES
        if subject in AUDITED:
            return "", _NUMBERS
        if subject == DELIVERY:
            word = self.word(_NAME, _OF_DELIVERY.__contains__, _any_of(*_OF_DELIVERY))
        else:
            said = f"a percentile (as p95 or p99.9) or {_any_of(*_STATISTICS)}"
            word = self.word(_NAME, lambda word: word in _STATISTICS or percent_of(word), said)
        return word, _STATISTICS.get(word, _TIMES)

    def unit(self, units: tuple[Unit, ...], bound: float) -> Unit:
        """One of these; 0 needs none."""
        known = {unit.text: unit for unit in units}
        if "" in known or (bound == 0 and self._at == len(self._text)):
            return units[0]
        return known[self.word(_UNIT, known.__contains__, f"a unit ({_any_of(*known)})")]

    def end(self) -> None:
        if self._at < len(self._text):
            raise self._wrong("nothing more")


def _any_of(*words: str) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
