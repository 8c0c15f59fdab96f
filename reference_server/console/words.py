"""Numbers, times and octets as pages say them. What others wrote is made harmless; templates escape it besides."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from harness.mua.screen import safe

__all__ = ["WireLine", "clock", "counted", "day", "octets", "wire_lines"]

# Ours: what is shown of one piece of octets, and of one line.
MAX_LINES: Final = 400
MAX_LINE: Final = 2000


@dataclass(frozen=True, slots=True)
class WireLine:
    """A line of octets; `ending` is empty where it ends as lines do, by CRLF."""

    text: str
    ending: str


def wire_lines(octets: bytes, most: int = MAX_LINES) -> list[WireLine]:
    """Octets line by line, of any kind; what is left out is said in the last line."""
    lines = _lines(octets)
    shown = [_wire_line(each) for each in lines[:most]]
    if len(lines) > most:
        shown.append(WireLine(f"[{len(lines) - most:,} lines more]", ""))
    return shown


def _lines(octets: bytes) -> list[bytes]:
    """By LF alone: a CR of its own is content."""
    *whole, last = octets.split(b"\n")
    return [each + b"\n" for each in whole] + ([last] if last else [])


def _wire_line(octets: bytes) -> WireLine:
    text = octets.removesuffix(b"\n")
    bare = text == octets or not text.endswith(b"\r")
    decoded = (text if bare else text[:-1]).decode("utf-8", "backslashreplace")
    cut = f"{decoded[:MAX_LINE]} [{len(decoded) - MAX_LINE:,} characters more]"
    ending = ("" if text == octets else "\\n") if bare else ""
    return WireLine(safe(decoded if len(decoded) <= MAX_LINE else cut), ending)


def octets(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def clock(moment: dt.datetime) -> str:
    """To the millisecond, as the machine's clock has it."""
    return f"{_local(moment):%H:%M:%S.%f}"[:-3]


def day(moment: dt.datetime) -> str:
    """The nearer, the closer."""
    local, now = _local(moment), dt.datetime.now().astimezone()
    return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"


def counted(number: int, noun: str) -> str:
    """``1 message``, ``2 messages``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _local(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):
        return moment  # at the ends of the calendar there is no local time
