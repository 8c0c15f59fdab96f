"""Delivery status notifications as they come to us, read by the grammar of RFC 3464 and RFC 6522."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, message_from_string
from email.message import Message
from typing import Final

from harness.clients.live import LiveTarget
from harness.errors import Unclear
from suites.peer import Received, peer_of
from suites.sending.journeys import Sent, taken, visible_sender

__all__ = [
    "Report",
    "read_report",
    "refusing_domain",
    "reported",
    "reports_about",
    "reports_owed",
    "reports_so_far",
    "told",
]

_STATUS_TYPES: Final = {"message/delivery-status", "message/global-delivery-status"}
_REFUSAL: Final = "550 5.1.1 Nobody here has that address"


@dataclass(frozen=True, slots=True)
class Report:
    """One notification.

    Attributes:
        message: The whole of it, parsed; `parts` are those of a multipart/report.
        of_message, of_recipients: The fields of message/delivery-status, by name in lower case; empty where there is
            no such part.
    """

    received: Received
    message: Message
    parts: tuple[Message, ...] = field(repr=False)
    of_message: Mapping[str, str]
    of_recipients: tuple[Mapping[str, str], ...]

    @property
    def actions(self) -> list[str]:
        return [fields.get("action", "").split("(")[0].strip().lower() for fields in self.of_recipients]

    @property
    def returned(self) -> bytes:
        """All of it as its reader would have it: the octets that came, and every part decoded."""
        decoded = [part.get_payload(decode=True) for part in self.message.walk() if not part.is_multipart()]
        return b"\n".join(
            [self.received.content, *(octets for octets in decoded if isinstance(octets, bytes))]
        )

    @property
    def failures(self) -> list[str]:
        """The status codes of the recipients that failed."""
        return [
            fields.get("status", "").split("(")[0].strip()
            for fields, action in zip(self.of_recipients, self.actions, strict=True)
            if action == "failed"
        ]


def read_report(received: Received) -> Report:
    """Whatever it is; what cannot be read as a report has no fields."""
    message = message_from_bytes(received.content)
    parts = _parts(message)
    status = next((part for part in parts if part.get_content_type() in _STATUS_TYPES), None)
    blocks = [
        {name.lower(): " ".join(str(value).split()) for name, value in block.items()}
        for block in (_blocks(status) if status is not None else ())
        if block.keys()
    ]
    return Report(received, message, parts, blocks[0] if blocks else {}, tuple(blocks[1:]))


def _blocks(status: Message) -> tuple[Message, ...]:
    """The groups of fields; the standard library reads those of RFC 6533 as a message with a body."""
    blocks = _parts(status)
    if status.get_content_type() == "message/delivery-status" or not blocks:
        return blocks
    body = blocks[0].get_payload()
    rest = body.replace("\r\n", "\n").split("\n\n") if isinstance(body, str) else []
    return (blocks[0], *map(message_from_string, rest))


def _parts(message: Message) -> tuple[Message, ...]:
    payload = message.get_payload()
    return tuple(part for part in payload if isinstance(part, Message)) if isinstance(payload, list) else ()


def refusing_domain(target: LiveTarget, *, reply: str = _REFUSAL, without: Sequence[str] = ()) -> str:
    """A domain of ours whose exchanger refuses every recipient."""
    peer = peer_of(target)
    host = peer.exchanger(replies={"RCPT": reply}, without=without)
    return peer.publish(("MX", f"10 {host.name}."))


def reports_so_far(target: LiveTarget, sent: Sent) -> list[Report]:
    """The notifications that came to the sender of this message until now."""
    return [
        read_report(m)
        for m in peer_of(target).received()
        if sent.sender in m.recipients and m.reverse_path != sent.sender
    ]


def reported(target: LiveTarget, sent: Sent) -> Report:
    """The notification to the sender of this message; `Unclear` where it does not come in time."""
    peer_of(target).wait_until(lambda messages: told(messages, sent), target.limits.delivery_s)
    found = reports_so_far(target, sent)
    if not found:
        raise Unclear("a message could not be delivered, and no report came in time")
    return found[0]


def reports_about(target: LiveTarget, sent: Sent) -> list[Report]:
    """The notifications about a message, once one about a message that is sent now and fails has come.

    Raises:
        Unclear: That one does not come.
    """
    later = taken(target, [f"nobody@{refusing_domain(target)}".encode()], sender=visible_sender(target))
    reported(target, later)
    peer_of(target).wait_until(lambda messages: told(messages, sent), target.quiet_s)
    return reports_so_far(target, sent)


def reports_owed(target: LiveTarget, sent: Sent) -> list[Report]:
    """The notifications about a message of which one is due; there is no telling how long that may take.

    Empty where none came although one about a message that was sent later, and failed, did.

    Raises:
        Unclear: Neither came.
    """
    peer_of(target).wait_until(lambda messages: told(messages, sent), target.limits.delivery_s)
    return reports_so_far(target, sent) or reports_about(target, sent)


def told(messages: Sequence[Received], sent: Sent) -> bool:
    """Whether something came to the sender of a message that is not from this sender."""
    return any(sent.sender in m.recipients and m.reverse_path != sent.sender for m in messages)
