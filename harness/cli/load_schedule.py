"""What the flags of `mailproof load` say of time: rates, steps, ramps, a search, or users one after the other."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from harness.errors import UsageError
from loadtests.arrivals.course import planned_phases
from loadtests.plan import Phase, Search, Segment, Settings

__all__ = ["Asked", "Shape", "seconds_of", "shape_of"]

_DURATION: Final = re.compile(r"(?P<number>\d+(\.\d*)?|\.\d+)\s*(?P<unit>s|min|m|h)?")
_UNITS_S: Final = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}

# Ours: what is beyond is a slip of the pen (a week; more than any one machine sends).
_MAX_S: Final = 7 * 86400
_MAX_PER_S: Final = 100_000
_MAX_USERS: Final = 1_000_000
_MAX_PERCENT: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The flags as they were given; None and empty where they were not."""

    rate: str | None = None
    duration: str | None = None
    at: str | None = None
    ramps: Sequence[str] = ()
    capacity: str | None = None
    users: int | None = None
    think: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The schedule of a run, as its plan has it.

    Attributes:
        peak_per_s: The highest rate at which sessions start; with `users` the highest they can reach, if each session
            takes no time and they think for at least a second.
        sessions: How many there are in all; None where nobody can know.
    """

    mode: Literal["open", "closed"]
    phases: tuple[Phase, ...] = ()
    search: Search | None = None
    users: int = 0
    think_s: float = 1.0
    duration_s: float
    peak_per_s: float
    sessions: int | None


def shape_of(asked: Asked, settings: Settings) -> Shape:
    """The schedule that flags ask for, and the profile where they are silent.

    Raises:
        UsageError: A flag cannot be read, or two of them cannot go together.
    """
    _check_company(asked)
    duration_s = settings.duration_s if asked.duration is None else seconds_of("--duration", asked.duration)
    if asked.users is not None:
        return _closed(asked, asked.users, duration_s)
    if asked.capacity is not None:
        return _search(asked.capacity, asked.duration)
    if asked.ramps:
        segments = tuple(_ramp(text) for text in asked.ramps)
        return _open((Phase(label="ramp", segments=segments),))
    rate = settings.rate_per_s if asked.rate is None else _rate("--rate", asked.rate)
    shares = {"": 100.0} if asked.at is None else {f"{p:g}%": p for p in _percentages(asked.at)}
    return _open(planned_phases(settings, rate, duration_s, shares))


# Each of these says when sessions start, and says it alone.
_WAYS: Final = {"--at": "at", "--ramp": "ramps", "--find-capacity": "capacity", "--users": "users"}


def _check_company(asked: Asked) -> None:
    ways = [flag for flag, name in _WAYS.items() if getattr(asked, name) not in (None, ())]
    if len(ways) > 1:
        raise UsageError(f"give one of {' and '.join(ways)}: each says when sessions start")
    way = ways[0] if ways else ""
    if asked.rate is not None and way not in ("", "--at"):
        raise UsageError(f"--rate does not go with {way}, which says itself when sessions start")
    if asked.duration is not None and way == "--ramp":
        raise UsageError("--duration does not go with --ramp: each ramp has its seconds; hold with 50:50:120")
    if asked.think is not None and way != "--users":
        raise UsageError("--think goes with --users: open arrivals wait for nobody")


def seconds_of(flag: str, text: str) -> float:
    """``90``, ``90s``, ``1.5m`` or ``2h`` in seconds.

    Raises:
        UsageError: It is none of these, or not more than nothing and at most a week.
    """
    found = _DURATION.fullmatch(text.strip())
    value_s = float(found["number"]) * _UNITS_S[found["unit"]] if found else math.nan
    if not 0 < value_s <= _MAX_S:
        raise UsageError(
            f"{flag}: {text!r} is no time such as 90, 90s, 15m or 2h, more than 0 and at most 168h"
        )
    return value_s


def _number(flag: str, text: str, what: str, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= most:
        raise UsageError(f"{flag}: {text!r} is no {what}: a number above 0, at most {most:,}")
    return value


def _rate(flag: str, text: str) -> float:
    return _number(flag, text, "rate in sessions a second", _MAX_PER_S)


def _percentages(text: str) -> list[float]:
    words = [word.strip().removesuffix("%") for word in text.split(",")]
    found = [_number("--at", word, "percentage", _MAX_PERCENT) for word in words]
    if len(set(found)) < len(found):
        raise UsageError(f"--at: {text!r} has a percentage twice")
    return found


def _ramp(text: str) -> Segment:
    match text.split(":"):
        case [first, last, duration]:
            # A ramp may begin or end with nothing, which a rate may not be.
            rates = [0.0 if word.strip() == "0" else _rate("--ramp", word) for word in (first, last)]
            if not any(rates):
                raise UsageError(f"--ramp: {text!r} starts no session")
            return Segment(from_per_s=rates[0], to_per_s=rates[1], duration_s=seconds_of("--ramp", duration))
        case _:
            raise UsageError(f"--ramp: {text!r} is not FROM:TO:SECONDS, as in 10:50:60")


def _search(text: str, step: str | None) -> Shape:
    match text.split(":"):
        case [low, high]:
            first, last = _rate("--find-capacity", low), _rate("--find-capacity", high)
        case _:
            raise UsageError(f"--find-capacity: {text!r} is not FROM:TO, as in 10:500")
    if first >= last:
        raise UsageError(f"--find-capacity: {text!r}: the second rate is not above the first")
    search = Search(from_per_s=first, to_per_s=last)
    if step is not None:
        search = Search(from_per_s=first, to_per_s=last, step_s=seconds_of("--duration", step))
    return Shape(mode="open", search=search, duration_s=search.step_s, peak_per_s=last, sessions=None)


def _closed(asked: Asked, users: int, duration_s: float) -> Shape:
    if not 0 < users <= _MAX_USERS:
        raise UsageError(f"--users: {users} is not between 1 and {_MAX_USERS:,}")
    think_s = 1.0
    if asked.think is not None:
        think_s = 0.0 if asked.think.strip() == "0" else seconds_of("--think", asked.think)
    return Shape(
        mode="closed",
        users=users,
        think_s=think_s,
        duration_s=duration_s,
        peak_per_s=users / max(think_s, 1.0),
        sessions=None,
    )


def _open(phases: tuple[Phase, ...]) -> Shape:
    segments = [segment for phase in phases for segment in phase.segments]
    return Shape(
        mode="open",
        phases=phases,
        duration_s=sum(segment.duration_s for segment in segments),
        peak_per_s=max(max(segment.from_per_s, segment.to_per_s) for segment in segments),
        sessions=round(sum((s.from_per_s + s.to_per_s) / 2 * s.duration_s for s in segments)),
    )
