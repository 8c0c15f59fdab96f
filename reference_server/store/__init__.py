"""The message store: SQLite, one transaction for each change, one road in.

`Store` is all there is to use. `accept` is the road in; `append` is the same road for one message. `set_flags` gives
back two lists: the rows as they are now, and the UIDs that `unchangedsince` held back. The calls are synchronous,
short, and safe from both threads; callbacks of `listen` run in the committing thread.
"""

from reference_server.store.errors import (
    HasChildren,
    MailboxExists,
    NoSuchMailbox,
    NoSuchUser,
    StoreError,
    StoreFailed,
)
from reference_server.store.rows import Delivery, MailboxRow, MessageRow, Status
from reference_server.store.schema import INBOX
from reference_server.store.store import FlagMode, Store

__all__ = [
    "INBOX",
    "Delivery",
    "FlagMode",
    "HasChildren",
    "MailboxExists",
    "MailboxRow",
    "MessageRow",
    "NoSuchMailbox",
    "NoSuchUser",
    "Status",
    "Store",
    "StoreError",
    "StoreFailed",
]
