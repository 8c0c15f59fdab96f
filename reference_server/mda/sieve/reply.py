"""The answer of a vacation: whether one is due, and the message (RFC 5230 §4.5, §4.6, §5; RFC 3834)."""

import base64
import datetime as dt
import re
from collections.abc import Iterable, Sequence
from email.utils import format_datetime
from typing import Final

from reference_server.mda.sieve.actions import Vacation
from reference_server.mda.sieve.addresses import MailAddress, addresses_in, mailbox_list, read_address
from reference_server.mda.sieve.message import SieveMessage
from reference_server.mda.sieve.strings import octets_of
from reference_server.mime import header_end, parse_fields

__all__ = ["unanswered_because", "vacation_reply"]

# RFC 5230 §4.5.
_RECIPIENT_FIELDS: Final = (b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc")
# RFC 5230 §4.6; RFC 3834 §2 for Precedence.
_LIST_FIELDS: Final = (
    b"list-id", b"list-help", b"list-subscribe", b"list-unsubscribe", b"list-post", b"list-owner", b"list-archive",
)  # fmt: skip
_BULK: Final = frozenset({b"bulk", b"list", b"junk"})
_ROBOTS: Final = re.compile(
    rb"owner-.*|.*-owner|.*-request|.*-bounces?|bounces?[-+].*|mailer-daemon|listserv|majordomo|mdaemon"
    rb"|(?:no|do-?not)-?_?reply",
    re.IGNORECASE | re.DOTALL,
)

_MESSAGE_ID: Final = re.compile(rb"<[^<>\s]{1,900}>")
_QUOTE: Final = re.compile(r'"|\\(.)')
# RFC 5322 §2.1.1.
_LINE: Final = 998
# RFC 2047 §2: a line with an encoded word has 76 characters at most, and the field's name is on the first.
_WORD_OCTETS: Final = 39
# Ours: of References, as much as identifies a thread.
_MAX_REFERENCES: Final = 20
_MAX_SUBJECT: Final = 200
_NO_SUBJECT: Final = "Automated reply"


def unanswered_because(
    action: Vacation, message: SieveMessage, *, envelope_from: str, own_addresses: Iterable[str]
) -> str | None:
    """Why a message gets no answer; None where it gets one.

    Args:
        envelope_from: Who would be answered, ``""`` for the null reverse-path.
        own_addresses: The addresses that are known to be the user's, the envelope's recipient among them.
    """
    if not envelope_from:
        return "the reverse-path is null"
    sender = read_address(octets_of(envelope_from))
    if sender.mailbox is None or not sender.mailbox.domain:
        return "the reverse-path is no address"
    if _ROBOTS.fullmatch(sender.mailbox.local_part):
        return "the reverse-path belongs to a program"
    own = {_folded(read_address(octets_of(text))) for text in (*own_addresses, *action.addresses)}
    if _folded(sender) in own:
        return "it comes from the user"
    if reason := _automatic(message):
        return reason
    named = (address for name in _RECIPIENT_FIELDS for address in _addresses(message, name))
    if not any(_folded(address) in own for address in named):
        return "it is not addressed to the user"
    return None


def _automatic(message: SieveMessage) -> str | None:
    """RFC 5230 §4.6."""
    for field in message.fields(b"auto-submitted"):
        # RFC 3834 §5: a keyword, then parameters.
        if re.split(rb"[;(\s]", field.text, maxsplit=1)[0].lower() != b"no":
            return "it was sent automatically"
    if any(message.fields(name) for name in _LIST_FIELDS):
        return "it comes from a mailing list"
    if any(field.text.lower() in _BULK for field in message.fields(b"precedence")):
        return "it was sent in bulk"
    return None


def _addresses(message: SieveMessage, name: bytes) -> Iterable[MailAddress]:
    for field in message.fields(name):
        yield from addresses_in(field.value)


def _folded(address: MailAddress) -> bytes:
    return address.whole.lower()


def vacation_reply(
    action: Vacation,
    message: SieveMessage,
    *,
    envelope_from: str,
    envelope_to: str,
    own_addresses: Iterable[str] = (),
    now: dt.datetime,
    message_id: str,
) -> bytes | None:
    """The answer, to be sent to `envelope_from` with a null reverse-path and NOTIFY=NEVER (RFC 5230 §5.1).

    Whether the sender had this answer within `Vacation.days` is the caller's to know.

    Args:
        own_addresses: Addresses that are the user's, beside `envelope_to` and those the script names.
        now: Aware; for the Date field.
        message_id: With its angle brackets.

    Returns:
        None where the message must not be answered; `unanswered_because` says why.
    """
    own = (envelope_to, *own_addresses)
    if unanswered_because(action, message, envelope_from=envelope_from, own_addresses=own) is not None:
        return None
    header = [
        b"From: " + _sender(action.sender or envelope_to),
        b"To: " + octets_of(envelope_from),
        b"Date: " + format_datetime(now).encode(),
        b"Message-ID: " + message_id.encode(),
        b"Subject: " + _header_text(_subject(action, message)[:_MAX_SUBJECT]),
        *_threading(message),
        b"Auto-Submitted: auto-replied",
        b"MIME-Version: 1.0",
    ]
    entity = _mime_entity(action.reason) if action.mime else _text_entity(action.reason)
    return b"\r\n".join(header) + b"\r\n" + entity


def _subject(action: Vacation, message: SieveMessage) -> str:
    """RFC 5230 §5.3."""
    if action.subject is not None:
        return action.subject
    original = message.values(b"subject")
    return "Auto: " + original[0].decode("utf-8", "replace") if original else _NO_SUBJECT


def _threading(message: SieveMessage) -> list[bytes]:
    """In-Reply-To and References (RFC 5322 §3.6.4)."""
    found = _MESSAGE_ID.findall(_first(message, b"message-id"))
    if not found:
        return []
    earlier = _MESSAGE_ID.findall(_first(message, b"references"))
    if not earlier:
        in_reply_to = _MESSAGE_ID.findall(_first(message, b"in-reply-to"))
        earlier = in_reply_to if len(in_reply_to) == 1 else []
    references = [*earlier[-_MAX_REFERENCES:], found[0]]
    return [b"In-Reply-To: " + found[0], b"References: " + b"\r\n ".join(references)]


def _first(message: SieveMessage, name: bytes) -> bytes:
    fields = message.fields(name)
    return fields[0].text if fields else b""


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


def _text_entity(reason: str) -> bytes:
    octets = reason.encode()
    if not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    if octets.isascii() and all(len(line) <= _LINE for line in octets.split(b"\r\n")):
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + octets
    encoded = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + encoded


def _mime_entity(reason: str) -> bytes:
    """The entity's own MIME fields and its body; other fields would be of the answer, and are left out."""
    octets = reason.encode()
    end = header_end(octets)
    fields = [field.raw for field in parse_fields(octets[:end]) if field.name.lower().startswith(b"content-")]
    return b"".join(fields) + b"\r\n" + octets[end:]
