"""The message store: SQLite, one transaction for each change, one road in."""

from reference_server.store.errors import MailboxExists, NoSuchMailbox, NoSuchUser, StoreError
from reference_server.store.rows import Delivery, MailboxRow, MessageRow, Status
from reference_server.store.schema import INBOX
from reference_server.store.store import FlagMode, Store

__all__ = [
    "INBOX",
    "Delivery",
    "FlagMode",
    "MailboxExists",
    "MailboxRow",
    "MessageRow",
    "NoSuchMailbox",
    "NoSuchUser",
    "Status",
    "Store",
    "StoreError",
]
