"""Delivery reports, read by the standard library."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

import pytest


@dataclass(frozen=True)
class Report:
    """A delivery report, read by the standard library.

    Attributes:
        recipients: The fields of each recipient.
        returned: The third part: the message, or its header.
    """

    message: EmailMessage
    of_message: Message
    recipients: Sequence[Message]
    returned: Message

    @property
    def action(self) -> str:
        (recipient,) = self.recipients
        return str(recipient["Action"]).lower()


def field_groups(status: Message) -> list[Message]:
    """The fields of the message, then those of each recipient; the library knows the older of the two types only."""
    if status.get_content_type() == "message/delivery-status":
        return list(status.iter_parts())
    groups = status.as_bytes().replace(b"\r\n", b"\n").split(b"\n\n")[1:]
    return [message_from_bytes(group, policy=policy.SMTP) for group in groups if group.strip()]


def read_report(octets: bytes) -> Report:
    """A multipart of a text, a report and what is returned (RFC 3464 §2)."""
    message = message_from_bytes(octets, policy=policy.SMTP)
    assert message.is_multipart()
    text, status, returned = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
    of_message, *recipients = field_groups(status)
    defects = [defect for part in message.walk() for defect in part.defects]
    assert not defects
    return Report(message, of_message, recipients, returned)


@pytest.fixture(name="read_report")
def give_read_report() -> Callable[[bytes], Report]:
    return read_report
