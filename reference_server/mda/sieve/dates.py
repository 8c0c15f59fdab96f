"""The tests date and currentdate (RFC 5260)."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final, Self

from reference_server.mda.sieve.arguments import Arguments, Choice, StringList, TestWords
from reference_server.mda.sieve.errors import SieveError
from reference_server.mda.sieve.execution import Run, Test
from reference_server.mda.sieve.match import Match, read_match
from reference_server.mda.sieve.occurrence import Occurrence, read_occurrence
from reference_server.mda.sieve.strings import Template

__all__ = ["DATE_TESTS"]

# Ours: no date is longer, comments and all.
_MAX_DATE: Final = 200
# The first day of the Modified Julian calendar, 17 November 1858, as `date.toordinal` counts.
_MODIFIED_JULIAN: Final = 678576

_ZONE: Final = re.compile(rb"(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3])(?P<minutes>[0-5][0-9])")

_PARTS: Final[Mapping[bytes, Callable[[dt.datetime], str]]] = {
    b"year": lambda date: f"{date.year:04}",
    b"month": lambda date: f"{date.month:02}",
    b"day": lambda date: f"{date.day:02}",
    b"date": lambda date: date.date().isoformat(),
    b"julian": lambda date: str(date.toordinal() - _MODIFIED_JULIAN),
    b"hour": lambda date: f"{date.hour:02}",
    b"minute": lambda date: f"{date.minute:02}",
    b"second": lambda date: f"{date.second:02}",
    b"time": lambda date: date.strftime("%H:%M:%S"),
    b"iso8601": lambda date: date.isoformat(timespec="seconds"),
    b"std11": format_datetime,
    b"zone": lambda date: date.strftime("%z")[:5],
    b"weekday": lambda date: str(date.isoweekday() % 7),
}


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone a date is shown in: as given, its own, or the interpreter's where neither is asked for."""

    given: Template | None = None
    own: bool = False

    def of(self, run: Run, date: dt.datetime) -> dt.tzinfo | None:
        if self.own:
            return date.tzinfo
        return run.facts.now.tzinfo if self.given is None else _zone(run.expand(self.given), self.given)


@dataclass(frozen=True, slots=True)
class DatePart:
    """Which part of a date is compared, in which zone."""

    name: Template
    zone: Zone

    def of(self, run: Run, date: dt.datetime) -> list[bytes]:
        part = _PARTS[_part_name(run.expand(self.name), self.name)]
        try:
            return [part(date.astimezone(self.zone.of(run, date))).encode()]
        except (OverflowError, ValueError):
            # Shifted to before the first year, or behind the last.
            return []


@dataclass(frozen=True, slots=True)
class Date(Test):
    """A date in the first field of a name, or the one that ``:index`` tells."""

    header: Template
    part: DatePart
    keys: StringList
    match: Match
    occurrence: Occurrence

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        match, zone, occurrence = read_match(arguments), _read_zone(arguments), read_occurrence(arguments)
        header = arguments.string()
        return cls(header, _read_part(arguments, zone), arguments.strings(), match, occurrence)

    def holds(self, run: Run) -> bool:
        values = self.occurrence.of(run.facts.message.values(run.expand(self.header)))
        date = _date(values[0]) if values else None
        return self.match.any(run, [] if date is None else self.part.of(run, date), self.keys)


@dataclass(frozen=True, slots=True)
class CurrentDate(Test):
    part: DatePart
    keys: StringList
    match: Match

    @classmethod
    def read(cls, arguments: Arguments) -> Self:
        match, zone = read_match(arguments), Zone(_read_given_zone(arguments))
        return cls(_read_part(arguments, zone), arguments.strings(), match)

    def holds(self, run: Run) -> bool:
        return self.match.any(run, self.part.of(run, run.facts.now), self.keys)


def _read_zone(arguments: Arguments) -> Zone:
    chosen = arguments.choice(Choice(":zone"), Choice(":originalzone"))
    if chosen is None:
        return Zone()
    if chosen.name == ":originalzone":
        return Zone(own=True)
    return Zone(_checked_zone(arguments.value_of(chosen)))


def _read_given_zone(arguments: Arguments) -> Template | None:
    given = arguments.tag_string(":zone")
    return None if given is None else _checked_zone(given)


def _checked_zone(given: Template) -> Template:
    if given.constant is not None:
        _zone(given.constant, given)
    return given


def _read_part(arguments: Arguments, zone: Zone) -> DatePart:
    name = arguments.string()
    if name.constant is not None:
        _part_name(name.constant, name)
    return DatePart(name, zone)


def _zone(octets: bytes, template: Template) -> dt.tzinfo:
    found = _ZONE.fullmatch(octets)
    if found is None:
        raise SieveError(template.place, 'a zone is as "+0100" or "-0800"')
    offset = dt.timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
    return dt.timezone(-offset if found["sign"] == b"-" else offset)


def _part_name(octets: bytes, template: Template) -> bytes:
    name = octets.lower()
    if name not in _PARTS:
        known = ", ".join(part.decode() for part in _PARTS)
        raise SieveError(template.place, f"a date has the parts {known}")
    return name


def _date(value: bytes) -> dt.datetime | None:
    """The date of a field, behind the last semicolon as in Received; None where it cannot be read."""
    text = value.rpartition(b";")[2].strip()[:_MAX_DATE].decode("ascii", "replace")
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # RFC 5322 §3.3: "-0000" tells the time, and nothing of the zone.
    return date if date.tzinfo is not None else date.replace(tzinfo=dt.UTC)


DATE_TESTS: Final[TestWords] = {"currentdate": ("date", CurrentDate.read), "date": ("date", Date.read)}
