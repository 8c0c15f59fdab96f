"""Pieces of the messages that a script's actions send."""

import base64
import datetime as dt
import re
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Final

from reference_server.mda.sieve.addresses import mailbox_list
from reference_server.mda.sieve.message import SieveMessage
from reference_server.mda.sieve.strings import octets_of
from reference_server.mime import header_end, parse_fields

__all__ = ["header_fields", "message_ids", "mime_entity", "text_entity"]

_MESSAGE_ID: Final = re.compile(rb"<[^<>\s]{1,900}>")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_QUOTE: Final = re.compile(r'"|\\(.)')
# RFC 5322 §2.1.1.
_LINE: Final = 998
# RFC 2047 §2: a line with an encoded word has 76 characters at most, and the field's name is on the first.
_WORD_OCTETS: Final = 39
# Ours: of References, as much as identifies a thread.
_MAX_REFERENCES: Final = 20
_MAX_SUBJECT: Final = 200


def header_fields(
    original: SieveMessage, *, sender: str, to: str, subject: str, now: dt.datetime, message_id: str
) -> bytes:
    """The fields of an automatic answer, before those of its entity (RFC 3834 §3.1); each with its CRLF.

    Args:
        sender: Addresses with or without names.
        message_id: With its angle brackets.
    """
    fields = [
        b"From: " + _sender(sender),
        b"To: " + octets_of(to),
        b"Date: " + format_datetime(now).encode(),
        b"Message-ID: " + message_id.encode(),
        b"Subject: " + _header_text(subject[:_MAX_SUBJECT]),
        *_threading(original),
        b"Auto-Submitted: auto-replied",
        b"MIME-Version: 1.0",
    ]
    return b"\r\n".join(fields) + b"\r\n"


def _threading(message: SieveMessage) -> list[bytes]:
    """In-Reply-To and References (RFC 5322 §3.6.4)."""
    found = message_ids(message, b"message-id")
    if not found:
        return []
    earlier = message_ids(message, b"references")
    if not earlier:
        in_reply_to = message_ids(message, b"in-reply-to")
        earlier = in_reply_to if len(in_reply_to) == 1 else []
    references = [*earlier[-_MAX_REFERENCES:], found[0]]
    return [b"In-Reply-To: " + found[0], b"References: " + b"\r\n ".join(references)]


def message_ids(message: SieveMessage, name: bytes) -> list[bytes]:
    """The identifiers in the first field of this name, brackets and all."""
    fields = message.fields(name)
    return _MESSAGE_ID.findall(fields[0].text) if fields else []


def _header_text(text: str) -> bytes:
    """A value without control characters; encoded words where, and only where, it is not ASCII (RFC 5230 §4.3)."""
    clean = "".join(character if character.isprintable() else " " for character in text).strip()
    if clean.isascii():
        return clean.encode()
    return b"\r\n ".join(b"=?UTF-8?B?" + base64.b64encode(piece) + b"?=" for piece in _pieces(clean))


def _sender(text: str) -> bytes:
    """Addresses with names; an encoded word stands for the name alone (RFC 2047 §5)."""
    mailboxes = mailbox_list(text) or [("", text)]
    return b",\r\n ".join(_mailbox(name, address) for name, address in mailboxes)


def _mailbox(name: str, address: str) -> bytes:
    if not name:
        return octets_of(address)
    if not name.isascii():
        name = _QUOTE.sub(r"\1", name)
    return _header_text(name) + b" <" + octets_of(address) + b">"


def _pieces(text: str) -> Sequence[bytes]:
    """UTF-8 in pieces of whole characters that each fit into one encoded word (RFC 2047 §5)."""
    pieces = [b""]
    for character in text:
        octets = character.encode()
        if len(pieces[-1]) + len(octets) > _WORD_OCTETS:
            pieces.append(b"")
        pieces[-1] += octets
    return pieces


def text_entity(text: str) -> bytes:
    """Plain text as a MIME entity, in as simple a form as its characters and lines allow."""
    octets = _lines(text)
    if not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    if (
        octets.isascii()
        and b"\x00" not in octets
        and all(len(line) <= _LINE for line in octets.split(b"\r\n"))
    ):
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + octets
    encoded = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + encoded


def mime_entity(text: str) -> bytes:
    """An entity's own MIME fields and its body; other fields would be of the answer, and are left out."""
    octets = _lines(text)
    end = header_end(octets)
    fields = [field.raw for field in parse_fields(octets[:end]) if field.name.lower().startswith(b"content-")]
    return b"".join(fields) + b"\r\n" + octets[end:]


def _lines(text: str) -> bytes:
    """What came out of a message by way of a variable may have any line ends."""
    return _LINE_END.sub(b"\r\n", text.encode())
