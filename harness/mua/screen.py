"""What others wrote, made safe for a terminal.

A mail is written by strangers and a reply by any server. Neither may move the cursor, change the window's title, or
turn the direction in which a line is read.
"""

import re
import unicodedata
from typing import Final

__all__ = ["MAX_SHOWN", "escaped", "line", "safe", "wire_text"]

# Ours: characters of one text that go to the screen.
MAX_SHOWN: Final = 200_000

# Joiners and variation selectors only shape what stands beside them: scripts and emoji need them.
_HARMLESS: Final = frozenset("\u200c\u200d") | {chr(point) for point in range(0xFE00, 0xFE10)}
# Controls, format characters (directions, zero-width ones, tags), surrogates, private and unassigned code points,
# line and paragraph separators.
_ACTIVE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_NOT_PRINTABLE: Final = re.compile(rb"[^ -\[\]-~]")
_NAMED: Final = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x5C: "\\\\"}


def safe(text: str) -> str:
    """Text in lines, with what would act on a terminal escaped, ``\\u202e``; at most `MAX_SHOWN` characters."""
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}\n[{len(text) - MAX_SHOWN:,} characters more]"
    unfolded = text.replace("\r\n", "\n").expandtabs(8)
    if unfolded.isascii() and unfolded.replace("\n", "").isprintable():
        return unfolded
    return "".join(map(_shown, unfolded))


def line(text: str, most: int = 1000) -> str:
    """The same on one line, white space collapsed, at most so many characters."""
    collapsed = " ".join(text[: most * 4].split())
    return safe(collapsed if len(collapsed) <= most else collapsed[: most - 1] + "…")


def escaped(octets: bytes) -> str:
    r"""Octets as printable ASCII: ``\r``, ``\n``, ``\t``, ``\\`` and ``\xNN`` for all that is not."""
    return _NOT_PRINTABLE.sub(
        lambda found: _NAMED.get(found[0][0], f"\\x{found[0][0]:02x}").encode(), octets
    ).decode("ascii")


def wire_text(octets: bytes) -> str:
    """A server's words for people, on one line: UTF-8 where they are, else Latin-1."""
    try:
        return line(octets.decode("utf-8"))
    except UnicodeDecodeError:
        return line(octets.decode("latin-1"))


def _shown(character: str) -> str:
    if character == "\n" or character in _HARMLESS or unicodedata.category(character) not in _ACTIVE:
        return character
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
