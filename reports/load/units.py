"""Figures for people: three digits that mean something, and their unit."""

from collections.abc import Callable
from math import floor, log10
from typing import Final

from reports.life.shown import duration
from reports.text import number

__all__ = ["change", "limit_value", "memory", "ms", "per_s", "round_figure", "round_ms", "share", "span"]

_MEMORY: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))

# From here on a factor says more than a percentage.
_TIMES_FROM: Final = 4

# A rule's own unit -> milliseconds in one of them.
_TIMES: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "min": 60_000.0}


def ms(value_ms: float) -> str:
    """A measured time, in seconds from one on: ``0.842 ms``, ``8.40 ms``, ``842 ms``, ``1.23 s``, ``613 s``."""
    return _time(value_ms, _three)


def round_ms(value_ms: float) -> str:
    """A time that somebody chose: ``8.4 ms``, ``1 s``."""
    return _time(value_ms, _plain)


def per_s(value: float) -> str:
    """A measured rate without its unit: ``0.250``, ``19.9``, ``142``, ``1,240``."""
    return _three(value)


def round_figure(value: float) -> str:
    """A number that somebody chose: ``0.25``, ``20``, ``1,240``."""
    return _plain(value)


def share(part: float, whole: float) -> str:
    """``0.430 %``; ``""`` of nothing."""
    return f"{_three(100 * part / whole)} %" if whole else ""


def change(old: float, new: float) -> str:
    """``+12.5 %``, ``-3.1 %``, ``17.2 times``; ``""`` where there was nothing before."""
    if not old:
        return ""
    if new >= _TIMES_FROM * old:
        return f"{_three(new / old)} times"
    return "same" if new == old else f"{100 * (new - old) / old:+.1f} %"


def memory(octets: int) -> str:
    """``412 MiB``, ``1.5 GiB``."""
    unit, size = next(((unit, size) for unit, size in _MEMORY if octets >= size), ("octets", 1))
    return f"{_plain(octets / size)} {unit}"


def span(seconds: float) -> str:
    """How long: ``842 ms``, ``61 s``, ``12 min 5 s``."""
    return duration(round(seconds * 1_000_000))


def limit_value(value: float, unit: str) -> str:
    """A measured value in a rule's own unit, as its kind is shown elsewhere."""
    if unit in _TIMES:
        return ms(value * _TIMES[unit])
    return f"{_three(value)} {unit}" if unit else _plain(value)


def _time(value_ms: float, written: Callable[[float], str]) -> str:
    if abs(float(f"{value_ms:.3g}")) < 1000:
        return f"{written(value_ms)} ms"
    return f"{written(value_ms / 1000)} s"


def _three(value: float) -> str:
    """Three significant digits, or all before the point: ``0.842``, ``8.40``, ``84.0``, ``842``, ``8,420``; ``0``."""
    rounded = float(f"{value:.3g}")
    if not rounded or abs(rounded) >= 100:
        return number(round(value))
    return f"{rounded:.{2 - floor(log10(abs(rounded)))}f}"


def _plain(value: float) -> str:
    """The same without zeros at the end: ``8.4``, ``84``."""
    text = _three(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
