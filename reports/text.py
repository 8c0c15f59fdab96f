"""The target's octets and words, made safe to show.

A report is read in terminals, browsers and CI systems, and half of what it says was sent by a server under test. What
passes through here holds no control characters, no direction overrides and nothing that XML forbids.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, Literal

__all__ = ["Piece", "number", "one_line", "pieces", "plural", "printable", "visible"]

# Backslash is escaped as well, so that what is shown can be read back without a doubt.
_ESCAPES: Final = {octet: f"\\x{octet:02x}" for octet in range(256) if not 0x20 <= octet < 0x7F} | {
    0x09: "\\t",
    0x0A: "\\n",
    0x0D: "\\r",
    0x5C: "\\\\",
}
_SHOWN: Final = tuple(_ESCAPES.get(octet, chr(octet)) for octet in range(256))

# Control, format (direction overrides, zero-width), surrogate, private and unassigned characters, and separators
# other than the space: whatever a reader's screen would act on, or show as something else.
_ACTIVE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})

_LINE: Final = re.compile(rb"[^\n]*\n|[^\n]+")
_PIECE: Final = re.compile(rb"(?P<plain>[\x20-\x7e]+)|(?P<escaped>[^\x20-\x7e]+)")

Piece = tuple[Literal["plain", "escaped"], str]


def visible(octets: bytes) -> str:
    r"""Octets as one line of printable ASCII: ``\r``, ``\n``, ``\t``, ``\xNN`` and ``\\`` stand for what is not."""
    return "".join(map(_SHOWN.__getitem__, octets))


def pieces(octets: bytes) -> Iterator[list[Piece]]:
    """Cut octets into display lines, each ending after LF, and those into plain and escaped runs.

    The runs' texts, joined, are ``visible(octets)``.
    """
    for line in _LINE.findall(octets):
        yield [
            ("plain" if run.lastgroup == "plain" else "escaped", visible(run[0]))
            for run in _PIECE.finditer(line)
        ]


def _shown(character: str) -> str:
    if character not in " \n" and unicodedata.category(character) in _ACTIVE:
        point = ord(character)
        return (
            f"\\x{point:02x}"
            if point < 0x100
            else f"\\u{point:04x}"
            if point < 0x10000
            else f"\\U{point:08x}"
        )
    return character


def printable(text: str) -> str:
    """Text with everything that acts instead of being seen escaped; line feeds stay."""
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def one_line(text: str) -> str:
    """Text as a single printable line, white space collapsed."""
    return printable(" ".join(text.split()))


def number(value: int) -> str:
    """A count for people: thousands apart by a comma."""
    return f"{value:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """``3 checks``, ``1 check``; `many` where an s does not make the plural."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"
