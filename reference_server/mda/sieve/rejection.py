"""The notice of a message that reject sends back (RFC 5429 §2.2.1), a disposition notification (RFC 3798)."""

import datetime as dt
import hashlib

from reference_server.mda.sieve.actions import Reject
from reference_server.mda.sieve.addresses import read_address
from reference_server.mda.sieve.composing import header_fields, message_ids, text_entity
from reference_server.mda.sieve.message import SieveMessage
from reference_server.mda.sieve.strings import octets_of

__all__ = ["rejection_notice"]

_INTRODUCTION = (
    "The message was refused by the recipient's mail filtering program.\r\nThe reason given was:\r\n\r\n"
)


def rejection_notice(
    action: Reject,
    message: SieveMessage,
    *,
    envelope_from: str,
    envelope_to: str,
    now: dt.datetime,
    message_id: str,
    reporting_host: str,
) -> bytes | None:
    """The notice, to be sent to `envelope_from` with a null reverse-path.

    Only ``reject`` may be answered so, and must be where its reason is not ASCII: the text of an SMTP reply could not
    carry it (RFC 5429 §2.2). A ``reject`` in ASCII and every ``ereject`` are better refused with a reply.

    Args:
        now: Aware; for the Date field.
        message_id: With its angle brackets.

    Returns:
        Octets that are 8-bit where the message is; None where there is nobody to tell.
    """
    if not envelope_from or read_address(octets_of(envelope_from)).mailbox is None:
        return None
    parts = (
        text_entity(_INTRODUCTION + action.reason),
        b"Content-Type: message/disposition-notification\r\n\r\n"
        + _disposition(message, octets_of(envelope_to), octets_of(reporting_host)),
        b"Content-Type: message/rfc822\r\n" + _encoding(message) + b"\r\n" + message.content,
    )
    boundary = _boundary(parts)
    header = header_fields(
        message,
        sender=envelope_to,
        to=envelope_from,
        subject="Rejected: " + _subject(message),
        now=now,
        message_id=message_id,
    )
    report = (
        b'Content-Type: multipart/report; report-type=disposition-notification;\r\n boundary="%s"\r\n'
        % boundary
    )
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
    return header + report + _encoding(message) + b"\r\n" + body + b"--%s--\r\n" % boundary


def _subject(message: SieveMessage) -> str:
    found = message.values(b"subject")
    return found[0].decode("utf-8", "replace") if found else "your message"


def _disposition(message: SieveMessage, recipient: bytes, host: bytes) -> bytes:
    """RFC 3798 §3.1; the modes are those that RFC 5429 §2.2.1 asks for."""
    fields = [
        b"Reporting-UA: %s; mailproof" % host,
        b"Final-Recipient: rfc822; " + recipient,
        *(b"Original-Message-ID: " + found for found in message_ids(message, b"message-id")[:1]),
        b"Disposition: automatic-action/MDN-sent-automatically; deleted",
    ]
    return b"\r\n".join(fields) + b"\r\n"


def _encoding(message: SieveMessage) -> bytes:
    return b"" if message.content.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"


def _boundary(parts: tuple[bytes, ...]) -> bytes:
    """One that is in none of the parts (RFC 2046 §5.1.1), and the same for the same parts."""
    text = b"".join(parts)
    boundary = hashlib.sha256(text).hexdigest().encode()
    while boundary in text:
        boundary = hashlib.sha256(boundary).hexdigest().encode()
    return boundary
