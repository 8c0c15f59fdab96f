"""Header fields as octets: folded, and in ASCII whatever they say."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from harness.errors import UsageError
from harness.mua.addresses import Address
from harness.wire.lines import CRLF

__all__ = ["address_field", "encoded_words", "field_name", "plain_field", "text_field"]

# RFC 2047 §2: a line with an encoded-word has 76 characters at most; 78 is what RFC 5322 §2.1.1 asks of all others.
_LINE: Final = 76

# Ours, RFC 2047 §2 allows 75: so long an encoded-word fits behind the name of any common field.
_ENCODED_WORD: Final = 60

# RFC 5322 §2.1.1: no line has more; a word longer than this cannot stand as it is.
_LONGEST_WORD: Final = 900

# RFC 5322 §3.6.8: printable ASCII but the colon.
_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_WORDS: Final = re.compile(rf"[!-~]{{1,{_LONGEST_WORD}}}(?: [!-~]{{1,{_LONGEST_WORD}}})*")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTABLE: Final = re.compile(r"[ -~]{1,60}")
# RFC 2047 §5: all that a Q-encoded word may hold as it is within a phrase is left out here.
_Q_ESCAPED: Final = re.compile(rb"[^A-Za-z0-9!*+/-]")


def field_name(text: str) -> bytes:
    """Check a field's name; `UsageError` where it is none (RFC 5322 §3.6.8)."""
    if not _NAME.fullmatch(text):
        raise UsageError(
            f"{text!r} is not the name of a header field: printable ASCII without space and colon"
        )
    return text.encode()


def plain_field(name: str, tokens: Iterable[bytes]) -> bytes:
    """``Name: token token`` with its CRLF, folded between tokens.

    Source: RFC 5322 §2.2.3.
    """
    lines = [field_name(name) + b":"]
    for token in tokens:
        if lines[-1] and len(lines[-1]) + 1 + len(token) > _LINE:
            lines.append(b"")
        lines[-1] += b" " + token
    return CRLF.join(lines) + CRLF


def text_field(name: str, text: str) -> bytes:
    """A field of running text, such as Subject: as it is where it is plain words, else in encoded-words.

    Raises:
        UsageError: The text has more than one line, a NUL, or is not Unicode.
    """
    if re.search(r"[\r\n\0]", text):
        raise UsageError(f"{name}: {text!r} holds a line end or NUL; a header field is one line")
    if not text:
        return field_name(name) + b": " + CRLF
    return plain_field(name, _words(text))


def address_field(name: str, addresses: Sequence[Address]) -> bytes:
    """A field of addresses, folded between them; names in ASCII, mailboxes in UTF-8 where they must be.

    Source: RFC 5322 §3.4; RFC 2047 §5; RFC 6532 §3.2.
    """
    return plain_field(name, _address_tokens(addresses))


def encoded_words(text: str) -> list[bytes]:
    """Text in encoded-words, each of whole characters; white space between them is not read.

    Source: RFC 2047 §2, §5.
    """
    octets = text.encode()
    # Q can be read by people, and is longer than B where more than every sixth octet must be escaped.
    encode = _q_word if len(_Q_ESCAPED.findall(octets)) * 6 <= len(octets) else _b_word
    words = [b""]
    chunk = ""
    for character in text:
        if len(word := encode((chunk + character).encode())) > _ENCODED_WORD:
            words.append(b"")
            chunk, word = "", encode(character.encode())
        chunk += character
        words[-1] = word
    return words


def _words(text: str) -> list[bytes]:
    try:
        if _WORDS.fullmatch(text) and "=?" not in text:
            return text.encode().split(b" ")
        return encoded_words(text)
    except UnicodeEncodeError as exc:
        raise UsageError(f"{text!r} is not Unicode text; is the terminal's locale UTF-8?") from exc


def _address_tokens(addresses: Sequence[Address]) -> Iterator[bytes]:
    for number, address in enumerate(addresses, 1):
        comma = b"," if number < len(addresses) else b""
        spec = address.mailbox.encode()
        if address.name:
            yield from _phrase(address.name)
            spec = b"<" + spec + b">"
        yield spec + comma


def _phrase(name: str) -> list[bytes]:
    """A display name: atoms, a quoted string or encoded-words."""
    if "=?" not in name and _ATOMS.fullmatch(name) and len(name) <= _LONGEST_WORD:
        return name.encode().split(b" ")
    if "=?" not in name and _QUOTABLE.fullmatch(name):
        return [b'"' + re.sub(rb'(["\\])', rb"\\\1", name.encode()) + b'"']
    try:
        return encoded_words(name)
    except UnicodeEncodeError as exc:
        raise UsageError(f"{name!r} is not Unicode text; is the terminal's locale UTF-8?") from exc


def _b_word(octets: bytes) -> bytes:
    return b"=?utf-8?B?" + b64encode(octets) + b"?="


def _q_word(octets: bytes) -> bytes:
    text = _Q_ESCAPED.sub(lambda found: b"_" if found[0] == b" " else b"=%02X" % found[0][0], octets)
    return b"=?utf-8?Q?" + text + b"?="
