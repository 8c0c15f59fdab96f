"""What the relay's parts say to each other."""

from dataclasses import dataclass, field
from enum import StrEnum

from reference_server.envelope import Envelope

__all__ = ["Attempt", "Fate", "NextHop", "Outcome", "Transport"]


class Transport(StrEnum):
    """How a queued recipient is reached, or what the message waits for first."""

    SMTP = "smtp"
    LMTP = "lmtp"
    LOCAL = "local"
    FILTER = "filter"
    BATCH = "batch"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where a recipient's mail goes next.

    Attributes:
        name: SMTP: the mail domain, or an address literal with its brackets, whose MX is looked up. LMTP: this
            host's own name. LOCAL: the same; the MDA puts it into the mailbox, whatever kind that is.
    """

    transport: Transport
    name: str


class Fate(StrEnum):
    """What became of a recipient in one attempt."""

    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"
    DEFERRED = "deferred"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recipient.

    Attributes:
        fate: RELAYED: handed on to a host that promised no notification (no DSN extension), so that we owe the
            success report (RFC 3461 §5.2.2). DELIVERED: our duty is over; it was handed on with its DSN parameters,
            or is in its mailbox. EXPANDED: an alias of several addresses, which each get it (RFC 3461 §5.2.7.3).
        status: The enhanced status code (RFC 3463 §2), ``"5.1.1"``; from the peer's reply where it gave one.
        diagnostic: The peer's reply as it came, its lines joined by a space, without CRLF; or our own reason.
        remote: The host that said so, a name; ``""`` where none was reached.
        by_peer: Whether `diagnostic` is the peer's (``Diagnostic-Code: smtp; ...``) or ours.
    """

    fate: Fate
    status: str
    diagnostic: str
    remote: str = ""
    by_peer: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message to be handed to one next hop, now.

    Attributes:
        envelope: With the recipients of this next hop only.
        content: As it goes out: our Received field is on top already; lines end with CRLF.
    """

    queue_id: str
    next_hop: NextHop
    envelope: Envelope
    content: bytes = field(repr=False)
