"""Transfer encodings, encoded words and charsets: what a SEARCH looks into and BINARY gives out."""

import base64
import binascii
import codecs
import re
from typing import Final

from reference_server.mime.parts import Part

__all__ = ["UnknownEncoding", "decode_transfer", "decode_words", "text_of"]

_IDENTITY: Final = frozenset({b"7bit", b"8bit", b"binary"})
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")
_WORD: Final = re.compile(rb"=\?(?P<charset>[^?*]+)(?:\*[^?]*)?\?(?P<encoding>[bBqQ])\?(?P<text>[^?]*)\?=")
# Python's codecs that are no charsets; undoing punycode takes quadratic time.
_NO_CHARSETS: Final = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})
_BETWEEN_WORDS: Final = re.compile(rb"(?<=\?=)[ \t\r\n]+(?==\?)")


class UnknownEncoding(Exception):
    """A content transfer encoding that cannot be undone (RFC 3516 §4.3)."""


def decode_transfer(octets: bytes, encoding: bytes) -> bytes:
    """Undo a content transfer encoding (RFC 2045 §6), over stray characters.

    Raises:
        UnknownEncoding: It is none of the five.
    """
    if encoding in _IDENTITY:
        return octets
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(octets)
    if encoding == b"base64":
        clean = _NOT_BASE64.sub(b"", octets)
        # A single character left over encodes nothing.
        clean = clean[: len(clean) - (len(clean) % 4 == 1)]
        return base64.b64decode(clean + b"=" * (-len(clean) % 4))
    raise UnknownEncoding(encoding.decode("latin-1"))


def decode_words(value: bytes) -> str:
    """A header value with its encoded words (RFC 2047 §2) as text; raw 8-bit octets are taken for UTF-8."""
    joined = _BETWEEN_WORDS.sub(b"", value)
    pieces: list[str] = []
    at = 0
    for word in _WORD.finditer(joined):
        pieces.append(in_charset(joined[at : word.start()], b"utf-8"))
        pieces.append(in_charset(_word_octets(word), word["charset"]))
        at = word.end()
    pieces.append(in_charset(joined[at:], b"utf-8"))
    return "".join(pieces)


def _word_octets(word: re.Match[bytes]) -> bytes:
    if word["encoding"] in b"bB":
        return decode_transfer(word["text"], b"base64")
    return binascii.a2b_qp(word["text"], header=True)


def in_charset(octets: bytes, charset: bytes) -> str:
    """Text for searching: a charset nobody knows is read as Latin-1, an octet that fits nowhere is replaced."""
    try:
        codec = codecs.lookup(charset.decode("ascii")).name
        if codec.replace("-", "_") not in _NO_CHARSETS:
            return octets.decode(codec, "replace")
    except (LookupError, ValueError):
        pass
    return octets.decode("latin-1")


def text_of(part: Part) -> str:
    """All that can be read in a part and below it, for a SEARCH of BODY: text decoded, other leaves as they are."""
    if part.children:
        return "\n".join(map(_with_header, part.children))
    if part.message is not None:
        return _with_header(part.message)
    if not part.media_type.startswith(b"text/"):
        return in_charset(part.body, b"latin-1")
    try:
        octets = decode_transfer(part.body, part.encoding)
    except UnknownEncoding:
        octets = part.body
    return in_charset(octets, part.content_type.parameter(b"charset") or b"utf-8")


def _with_header(part: Part) -> str:
    return decode_words(part.header) + "\n" + text_of(part)
