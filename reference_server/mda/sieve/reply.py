"""The answer of a vacation: whether one is due, and the message (RFC 5230 §4.5, §4.6, §5; RFC 3834)."""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Final

from reference_server.mda.sieve.actions import Vacation
from reference_server.mda.sieve.addresses import MailAddress, read_address
from reference_server.mda.sieve.composing import header_fields, mime_entity, text_entity
from reference_server.mda.sieve.message import SieveMessage
from reference_server.mda.sieve.strings import octets_of

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
    named = (each for name in _RECIPIENT_FIELDS for field in message.addresses(name) for each in field)
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
    header = header_fields(
        message,
        sender=action.sender or envelope_to,
        to=envelope_from,
        subject=_subject(action, message),
        now=now,
        message_id=message_id,
    )
    return header + (mime_entity(action.reason) if action.mime else text_entity(action.reason))


def _subject(action: Vacation, message: SieveMessage) -> str:
    """RFC 5230 §5.3."""
    if action.subject is not None:
        return action.subject
    original = message.values(b"subject")
    return "Auto: " + original[0].decode("utf-8", "replace") if original else _NO_SUBJECT
