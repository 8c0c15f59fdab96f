"""Delivery status notifications: when one is owed, and how it is written (RFC 3461, RFC 3464, RFC 6522, RFC 6533)."""

import datetime as dt
import hashlib
import quopri
import re
import textwrap
from base64 import encodebytes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from enum import StrEnum
from typing import Final

from reference_server.envelope import Body, Envelope, Notify, Recipient
from reference_server.mime.fields import header_end, parse_fields
from reference_server.relay.dsn_text import (
    decoded_xtext,
    diagnostic,
    final_recipient,
    folded,
    one_line,
    original_recipient,
    to_octets,
)
from reference_server.relay.model import Fate, Outcome

__all__ = ["Action", "Dsn", "DsnWriter", "Told"]

# Ours: what is returned of a message, so that a bounce to somebody who never wrote costs little. RFC 3461 §6.2 lets
# a longer message be returned by its header alone.
RETURNED_OCTETS: Final = 64 * 1024


class Action(StrEnum):
    """What was done for a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


# The word of NOTIFY= that asks for it, and whether it is told where NOTIFY= was not given (RFC 3461 §4.1).
_ASKED_BY: Final[Mapping[Action, tuple[Notify, bool]]] = {
    Action.FAILED: (Notify.FAILURE, True),
    Action.DELAYED: (Notify.DELAY, True),
    Action.DELIVERED: (Notify.SUCCESS, False),
    Action.RELAYED: (Notify.SUCCESS, False),
    Action.EXPANDED: (Notify.SUCCESS, False),
}

# Where mail is taken and delivered at once nobody tries again, so a temporary refusal is final too.
_AT_ONCE: Final[Mapping[Fate, Action]] = {
    Fate.DELIVERED: Action.DELIVERED,
    Fate.RELAYED: Action.RELAYED,
    Fate.EXPANDED: Action.EXPANDED,
    Fate.DEFERRED: Action.FAILED,
    Fate.FAILED: Action.FAILED,
}

_SUBJECTS: Final[Mapping[Action, str]] = {
    Action.FAILED: "Undelivered mail returned to sender",
    Action.DELAYED: "Delayed mail (still being tried)",
    Action.DELIVERED: "Delivered mail",
    Action.RELAYED: "Relayed mail",
    Action.EXPANDED: "Delivered mail",
}

_EXPLAINED: Final[Mapping[Action, str]] = {
    Action.FAILED: "Your message could not be delivered to the following recipients. It is not tried again.",
    Action.DELAYED: "Your message has not been delivered to the following recipients yet. It is tried again\r\n"
    "by itself; you need not send it again.",
    Action.DELIVERED: "Your message was delivered to the following recipients.",
    Action.RELAYED: "Your message was handed on to a host that does not send delivery reports, for the following\r\n"
    "recipients. You will hear no more of it unless it fails.",
    Action.EXPANDED: "Your message was delivered to the following addresses, which pass it on to several others.",
}

# RFC 3464 §2.3.4. For each action: what the code begins with, and what stands for a code that does not fit
# (RFC 3461 §6.3 (g)).
_STATUS: Final[Mapping[Action, tuple[str, str]]] = {
    Action.FAILED: ("45", "5.0.0"),
    Action.DELAYED: ("4", "4.0.0"),
    Action.DELIVERED: ("2", "2.0.0"),
    Action.RELAYED: ("2", "2.0.0"),
    Action.EXPANDED: ("2", "2.0.0"),
}
_STATUS_CODE: Final = re.compile(r"[245](?:\.(?:0|[1-9][0-9]{0,2})){2}")


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to report of one recipient.

    Attributes:
        last_attempt: Aware; None where none was made.
        retry_until: With DELAYED alone: when it is given up.
    """

    recipient: Recipient
    action: Action
    outcome: Outcome
    last_attempt: dt.datetime | None = None
    retry_until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Dsn:
    """A notification, ready to be taken on as any mail is, but for a Received field."""

    envelope: Envelope
    content: bytes


@dataclass(frozen=True)
class DsnWriter:
    """Writes the notifications of one host; pure.

    A sender whose own address is UTF-8 reads the UTF-8 forms of RFC 6533; for all others what is not ASCII is encoded
    in seven bits, since nothing says that the way back to them takes more (RFC 6533 §4.5).

    Attributes:
        hostname: The Reporting-MTA.
    """

    hostname: str

    def owed(self, envelope: Envelope, told: Told) -> bool:
        """Whether the sender is to be told (RFC 3461 §5.2, §4.1); a null reverse-path never is (RFC 5321 §6.1)."""
        notify = told.recipient.notify
        word, unasked = _ASKED_BY[told.action]
        return bool(envelope.reverse_path) and (word in notify if notify else unasked)

    def report(
        self, envelope: Envelope, content: bytes, outcomes: Mapping[bytes, Outcome], *, now: dt.datetime
    ) -> Dsn | None:
        """What is owed for a message that was taken this moment, by address; None where nothing is."""
        told = [
            Told(recipient, _AT_ONCE[outcomes[recipient.address].fate], outcomes[recipient.address], now)
            for recipient in envelope.recipients
            if recipient.address in outcomes
        ]
        owed = [each for each in told if self.owed(envelope, each)]
        return self.write(envelope, content, owed, arrived=now, now=now) if owed else None

    def write(
        self,
        envelope: Envelope,
        content: bytes,
        told: Sequence[Told],
        *,
        arrived: dt.datetime,
        now: dt.datetime,
    ) -> Dsn:
        """One notification of all that is told; of that which is `owed` (RFC 3461 §5.2.8).

        Args:
            envelope: Of the message that it is about.
            content: That message, which arrived at `arrived`.
        """
        utf8 = not envelope.reverse_path.isascii()
        parts = [
            self.explanation(told, utf8=utf8),
            self.status(envelope, told, arrived, utf8=utf8),
            self.returned(envelope, content, told, utf8=utf8),
        ]
        mark = hashlib.sha256(
            b"".join([now.isoformat().encode(), self.hostname.encode(), *parts])
        ).hexdigest()
        boundary = f"=_{mark[:32]}"
        header = self.header(envelope, told, now, mark[32:], boundary)
        separator = b"\r\n--%s" % boundary.encode()
        body = b"".join(b"%s\r\n%s" % (separator, part) for part in parts)
        written = header + body + separator + b"--\r\n"
        return Dsn(self.envelope(envelope, written), written)

    def envelope(self, envelope: Envelope, written: bytes) -> Envelope:
        """RFC 3461 §6.1: from nobody, to the reverse-path, and not to be answered."""
        return Envelope(
            b"",
            (Recipient(envelope.reverse_path, frozenset({Notify.NEVER})),),
            body=Body.SEVEN_BIT if written.isascii() else Body.EIGHT_BIT,
            smtputf8=not envelope.reverse_path.isascii(),
        )

    def header(
        self, envelope: Envelope, told: Sequence[Told], now: dt.datetime, mark: str, boundary: str
    ) -> bytes:
        """The fields of the message, and the blank line."""
        lines = [
            f"From: Mail Delivery System <postmaster@{self.hostname}>",
            f"To: <{one_line(envelope.reverse_path.decode('utf-8', 'replace'))}>",
            f"Subject: {_SUBJECTS[gravest(told)]}",
            f"Date: {format_datetime(now)}",
            f"Message-ID: <{mark}@{self.hostname}>",
            "Auto-Submitted: auto-replied",  # RFC 3834 §5
            "MIME-Version: 1.0",
            f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
            "",
            "",
        ]
        return "\r\n".join(lines).encode()

    # For people

    def explanation(self, told: Sequence[Told], *, utf8: bool) -> bytes:
        """The first part (RFC 6522 §3)."""
        lines = [f"This is the mail system at {self.hostname}.", ""]
        for action in Action:
            if concerned := [each for each in told if each.action is action]:
                lines += [_EXPLAINED[action], ""]
                lines += [line for each in concerned for line in self.told_to_people(each)]
        text = "\r\n".join(lines) + "\r\n"
        if text.isascii():
            return part("text/plain; charset=us-ascii", "7bit", text.encode())
        encoding = "8bit" if utf8 else "quoted-printable"
        return part("text/plain; charset=utf-8", encoding, text.encode("utf-8", "replace"))

    def told_to_people(self, told: Told) -> Iterator[str]:
        """One recipient, with the reason."""
        outcome = told.outcome
        yield f"  <{one_line(told.recipient.accepted.decode('utf-8', 'replace'))}>"
        who = f"{one_line(outcome.remote)} said: " if outcome.by_peer and outcome.remote else ""
        yield from textwrap.wrap(
            f"{who}{diagnostic(outcome.diagnostic)}", 76, initial_indent="    ", subsequent_indent="    "
        )
        if told.retry_until is not None:
            yield f"    It is given up on {format_datetime(told.retry_until)}."
        yield ""

    # For machines

    def status(self, envelope: Envelope, told: Sequence[Told], arrived: dt.datetime, *, utf8: bool) -> bytes:
        """The second part: the fields of the message, then those of each recipient (RFC 3464 §2.1)."""
        groups = [self.of_message(envelope, arrived), *(self.of_recipient(each, utf8=utf8) for each in told)]
        octets = b"\r\n".join(
            b"".join(to_octets(line, utf8=utf8) + b"\r\n" for line in group) for group in groups
        )
        if octets.isascii():
            return part("message/delivery-status", "7bit", octets)
        return part("message/global-delivery-status", "8bit", octets)

    def of_message(self, envelope: Envelope, arrived: dt.datetime) -> Iterator[str]:
        """RFC 3464 §2.2."""
        if envelope.envid is not None:
            yield f"Original-Envelope-Id: {decoded_xtext(envelope.envid)}"
        yield f"Reporting-MTA: dns; {self.hostname}"
        yield f"Arrival-Date: {format_datetime(arrived)}"

    def of_recipient(self, told: Told, *, utf8: bool) -> Iterator[str]:
        """RFC 3464 §2.3."""
        outcome = told.outcome
        if told.recipient.orcpt is not None:
            yield f"Original-Recipient: {original_recipient(told.recipient.orcpt, utf8=utf8)}"
        yield f"Final-Recipient: {final_recipient(told.recipient.accepted, utf8=utf8)}"
        yield f"Action: {told.action}"
        yield f"Status: {status_code(told)}"
        if outcome.remote:
            yield f"Remote-MTA: dns; {one_line(outcome.remote)}"
        if outcome.by_peer or told.action in (Action.FAILED, Action.DELAYED):
            kind = "smtp" if outcome.by_peer else "X-mailproof"
            yield folded("Diagnostic-Code", f"{kind}; {diagnostic(outcome.diagnostic)}")
        if told.last_attempt is not None:
            yield f"Last-Attempt-Date: {format_datetime(told.last_attempt)}"
        if told.retry_until is not None:
            yield f"Will-Retry-Until: {format_datetime(told.retry_until)}"

    # The message

    def returned(self, envelope: Envelope, content: bytes, told: Sequence[Told], *, utf8: bool) -> bytes:
        """The third part: the message itself, or its header (RFC 3461 §4.3, RFC 6533 §4)."""
        header = content[: header_end(content)]
        international = envelope.smtputf8 and not header.isascii()
        if self.returns_all(envelope, content, told):
            kind, octets = ("message/global" if international else "message/rfc822"), content
        else:
            kind = "message/global-headers" if international else "text/rfc822-headers"
            octets = bounded_header(header)
        if octets.isascii():
            return part(kind, "7bit", octets)
        # RFC 6532 §3.7 allows any encoding inside the new types; RFC 2046 §5.2.1 none inside message/rfc822.
        return part(kind, "base64" if international and not utf8 else "8bit", octets)

    def returns_all(self, envelope: Envelope, content: bytes, told: Sequence[Told]) -> bool:
        """Of a failure, as RET= has it and otherwise too; never what is long or would need BINARYMIME to travel."""
        return (
            any(each.action is Action.FAILED for each in told)
            and envelope.ret != "HDRS"
            and envelope.body is not Body.BINARY
            and len(content) <= RETURNED_OCTETS
        )


def gravest(told: Sequence[Told]) -> Action:
    """What the subject says."""
    return next(action for action in Action if any(each.action is action for each in told))


def status_code(told: Told) -> str:
    """The outcome's where it fits the action and the grammar (RFC 3464 §2.3.4)."""
    classes, undefined = _STATUS[told.action]
    code = told.outcome.status
    return code if _STATUS_CODE.fullmatch(code) and code[0] in classes else undefined


def bounded_header(header: bytes) -> bytes:
    """The fields, as many whole ones as there is room for."""
    octets = 0
    kept = []
    for field in parse_fields(header):
        octets += len(field.raw)
        if octets > RETURNED_OCTETS:
            break
        kept.append(field.raw)
    return b"".join(kept)


def part(kind: str, encoding: str, octets: bytes) -> bytes:
    """A body part, encoded, without the line end that belongs to the boundary after it."""
    match encoding:
        case "base64":
            octets = encodebytes(octets).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
        case "quoted-printable":
            octets = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + octets
