"""Mail that waits in a queue, as `mailproof queue` shows it and writes it for tools."""

from datetime import datetime

from harness.results.model import Record

__all__ = ["WaitingMessage", "WaitingRecipient"]


class WaitingRecipient(Record, frozen=True, kw_only=True):
    """One recipient who has not got the message yet.

    Attributes:
        transport: ``smtp``, ``lmtp`` or ``local``; `next_hop` is the domain, or this host. ``filter``, ``batch`` and
            ``quarantine``: it is the stage of the filters.
        state: ``queued`` or ``held``.
        attempts: How many have been made. Of the last one there are the `status` (RFC 3463 §2) and the `reason`, with
            the `remote` host where it is the one that gave it.
    """

    address: str
    transport: str
    next_hop: str
    state: str
    attempts: int
    next_attempt: datetime
    last_attempt: datetime | None = None
    status: str = ""
    reason: str = ""
    remote: str = ""


class WaitingMessage(Record, frozen=True, kw_only=True):
    """A message in one host's queue; `sender` is ``""`` for the null reverse-path.

    Texts are as they came, octets that are no UTF-8 escaped; whoever shows them makes them printable.
    """

    host: str
    queue_id: str
    arrived: datetime
    octets: int
    sender: str
    recipients: tuple[WaitingRecipient, ...]
