"""How addresses and texts of any kind are written in the fields of a report: in seven bits, or in UTF-8."""

import re
import textwrap
from typing import Final

from harness.errors import RemoteProtocolError
from harness.wire.smtp.xtext import decode_xtext

__all__ = [
    "decoded_xtext",
    "diagnostic",
    "final_recipient",
    "folded",
    "one_line",
    "original_recipient",
    "to_octets",
]

# RFC 5322 §2.1.1: lines of at most 78 characters, where they can be broken.
_WIDTH: Final = 78

# Ours: of a peer's reply, so much is passed on.
_DIAGNOSTIC: Final = 1000

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# RFC 6533 §3: what stands for itself in unitext (QCHAR), and what stands for another character.
_UNITEXT_ENCODED: Final = re.compile(r"[^!-*,-<>-\[\]-~]")
_UNITEXT: Final = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_XTEXT_BACKSLASH: Final = re.compile(r"[^ -~]")


def one_line(text: str) -> str:
    """Without control characters, which could end the field or reach a terminal."""
    return _UNPRINTABLE.sub("?", text)


def to_octets(text: str, *, utf8: bool) -> bytes:
    """UTF-8, or ASCII with ``\\xHH``, ``\\uHHHH`` for what is none."""
    return text.encode("utf-8", "replace") if utf8 else text.encode("ascii", "backslashreplace")


def decoded_xtext(octets: bytes) -> str:
    """What xtext stands for where that is printable ASCII, as RFC 3461 §4.2 and §4.4 want it; else as it came."""
    try:
        text = decode_xtext(octets)
    except RemoteProtocolError:
        text = octets
    if not (text.isascii() and text.decode("ascii").isprintable()):
        text = octets
    return one_line(text.decode("utf-8", "replace"))


def final_recipient(address: bytes, *, utf8: bool) -> str:
    """``rfc822; local-part@domain``, or one of the two UTF-8 forms of RFC 6533 §3."""
    text = address.decode("utf-8", "replace")
    if text.isascii():
        return f"rfc822; {one_line(text)}"
    return f"utf-8; {one_line(text) if utf8 else _to_unitext(text)}"


def original_recipient(orcpt: bytes, *, utf8: bool) -> str:
    """The value of ORCPT=, decoded; the spelling of the address is kept (RFC 3461 §6.3 (d))."""
    kind, _, encoded = orcpt.partition(b";")
    address_type = kind.decode("ascii", "replace")
    if address_type.lower() != "utf-8":
        return f"{address_type}; {decoded_xtext(encoded)}"
    text = encoded.decode("utf-8", "replace")
    return f"{address_type}; {one_line(_from_unitext(text)) if utf8 else _beyond_ascii_to_unitext(text)}"


def _to_unitext(text: str) -> str:
    return _UNITEXT_ENCODED.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", text)


def _beyond_ascii_to_unitext(text: str) -> str:
    return _XTEXT_BACKSLASH.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", text)


def _from_unitext(text: str) -> str:
    """As it came where a number is no character (RFC 6533 §3)."""

    def character(found: re.Match[str]) -> str:
        point = int(found[1], 16)
        return found[0] if point > 0x10FFFF or 0xD800 <= point < 0xE000 else chr(point)

    return _UNITEXT.sub(character, text)


def diagnostic(text: str) -> str:
    """A reply on one line, of bounded length."""
    line = " ".join(one_line(text).split())
    return line if len(line) <= _DIAGNOSTIC else line[: _DIAGNOSTIC - 4] + " ..."


def folded(name: str, text: str) -> str:
    """``Name: text`` on as many lines as it takes (RFC 5322 §2.2.3), without the last CRLF."""
    lines = textwrap.wrap(
        f"{name}: {text}", _WIDTH, subsequent_indent=" ", break_on_hyphens=False, break_long_words=True
    )
    return "\r\n".join(lines)
