"""From octets to text, with patience: what others sent is shown as well as it can be, and never refused."""

import binascii
import re
from typing import Final

__all__ = ["decode_text", "decode_words", "unfold"]

# Ours: octets of one header field that are looked at.
MAX_FIELD_OCTETS: Final = 64 * 1024

# With a bound on each piece, so that a field full of beginnings is not read again from each of them. A space within a
# word is wrong and common.
_ENCODED: Final = re.compile(
    r"=\?(?P<charset>[!-)+->@-~]{1,60})(?:\*[^?\s]{0,60})?\?(?P<encoding>[BbQq])\?(?P<text>[^?]{0,998})\?="
)
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")
_HEX: Final = re.compile(rb"=([0-9A-Fa-f]{2})")

# Codecs of Python that are no charsets of mail; some take a time that grows with the square of the text.
_NO_CHARSETS: Final = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
)


def decode_text(octets: bytes, charset: str) -> str:
    """Octets by their charset; UTF-8 or Latin-1 where there is no such charset or they are not in it."""
    name = charset.strip().lower().replace("-", "_")
    for each in (name, "utf_8"):
        if each in _NO_CHARSETS:
            continue
        try:
            return octets.decode(each)
        except (LookupError, ValueError):
            continue
    return octets.decode("latin-1")


def unfold(octets: bytes) -> str:
    """A field's octets as one line of text: UTF-8 where they are (RFC 6532 §3.1), else Latin-1."""
    return decode_text(_FOLD.sub(b"", octets[:MAX_FIELD_OCTETS]).strip(b" \t\r\n"), "utf-8")


def decode_words(text: str) -> str:
    """Text with its encoded-words decoded, those of one charset side by side as one, so that a character may be cut.

    Source: RFC 2047 §6.2, §6.3.
    """
    decoded: list[str] = []
    held, held_charset, at = b"", "", 0
    for found in _ENCODED.finditer(text):
        between = text[at : found.start()]
        octets = _decode_word(found["encoding"].upper(), found["text"])
        if held_charset and (between.strip() or found["charset"].lower() != held_charset):
            decoded.append(decode_text(held, held_charset))
            held = b""
        if between.strip() or not held_charset:
            decoded.append(between)
        held, held_charset, at = held + octets, found["charset"].lower(), found.end()
    if held_charset:
        decoded.append(decode_text(held, held_charset))
    return "".join([*decoded, text[at:]])


def _decode_word(encoding: str, text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    if encoding == "Q":
        return _HEX.sub(lambda found: bytes([int(found[1], 16)]), octets.replace(b"_", b" "))
    digits = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    # A last digit that stands alone says nothing.
    whole = digits[:-1] if len(digits) % 4 == 1 else digits
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
