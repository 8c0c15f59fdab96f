"""Figures for people: three digits that mean something, and their unit."""

from typing import Final

from reports.life.shown import duration
from reports.text import number

__all__ = ["change", "limit_value", "memory", "ms", "per_s", "share", "span"]

_MEMORY: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))

# A rule's own unit -> milliseconds in one of them.
_TIMES: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "min": 60_000.0}


def ms(value_ms: float) -> str:
    """Milliseconds, as seconds from one on: ``0.842 ms``, ``8.4 ms``, ``842 ms``, ``1.23 s``, ``613 s``."""
    rounded = float(f"{value_ms:.3g}")
    if abs(rounded) < 1000:
        return f"{_three(rounded)} ms"
    return f"{_three(value_ms / 1000)} s"


def per_s(value: float) -> str:
    """A rate without its unit: ``0.25``, ``19.9``, ``142``, ``1,240``."""
    return _three(value)


def share(part: float, whole: float) -> str:
    """``0.43 %``; ``""`` of nothing."""
    return f"{_three(100 * part / whole)} %" if whole else ""


def change(old: float, new: float) -> str:
    """``+12.5 %``, ``-3.1 %``, ``±0 %``; ``""`` where there was nothing before."""
    if not old:
        return ""
    percent = 100 * (new - old) / old
    return f"{'+' if percent > 0 else '-' if percent < 0 else '±'}{_three(abs(percent))} %"


def memory(octets: int) -> str:
    """``412 MiB``, ``1.5 GiB``."""
    unit, size = next(((unit, size) for unit, size in _MEMORY if octets >= size), ("octets", 1))
    return f"{_three(octets / size)} {unit}"


def span(seconds: float) -> str:
    """How long: ``842 ms``, ``61 s``, ``12 min 5 s``."""
    return duration(round(seconds * 1_000_000))


def limit_value(value: float, unit: str) -> str:
    """A measured value in a rule's own unit, as its kind is shown elsewhere."""
    if unit in _TIMES:
        return ms(value * _TIMES[unit])
    return f"{_three(value)} {unit}" if unit else _three(value)


def _three(value: float) -> str:
    """Three significant digits, all digits of whole numbers; no exponent."""
    if value == int(value) and abs(value) < 10**15:
        return number(int(value))
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 100:
        return number(round(value))
    if abs(rounded) >= 1:
        return f"{value:.{2 if abs(rounded) < 10 else 1}f}"
    return f"{rounded:.12f}".rstrip("0").rstrip(".")
