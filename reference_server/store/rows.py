"""What the store hands out: rows as frozen records."""

from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Delivery", "MailboxRow", "MessageRow", "Status"]


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox; `name` is Unicode, levels are divided by ``/``. `selectable` is False for a bare parent."""

    id: int
    user: str
    name: str
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    subscribed: bool
    special_use: str | None
    selectable: bool


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message in a mailbox. `recent` until a session has been told of it; `internaldate` is aware."""

    mailbox_id: int
    uid: int
    flags: frozenset[str]
    internaldate: datetime
    octets: int
    modseq: int
    content_id: int
    recent: bool


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of a mailbox; `size` is the sum of the messages' octets (RFC 8438 §1)."""

    messages: int
    unseen: int
    recent: int
    deleted: int
    size: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one mailbox; without `internaldate` the store's clock gives it."""

    user: str
    mailbox: str
    content: bytes
    flags: frozenset[str] = field(default_factory=frozenset)
    internaldate: datetime | None = None
