"""What the store refuses."""

__all__ = ["HasChildren", "MailboxExists", "NoSuchMailbox", "NoSuchUser", "StoreError", "StoreFailed"]


class StoreError(Exception):
    """Base of what the store refuses; nothing was changed."""


class StoreFailed(StoreError):
    """The disk is full or the file cannot be written; the cause is chained."""


class NoSuchUser(StoreError):
    """No account has this name."""


class NoSuchMailbox(StoreError):
    """The user has no mailbox of this name."""


class HasChildren(StoreError):
    """The name has others below it, and no mailbox of its own that could go."""


class MailboxExists(StoreError):
    """The user has a mailbox of this name already."""
