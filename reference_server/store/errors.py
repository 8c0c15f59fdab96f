"""What the store refuses."""

__all__ = ["MailboxExists", "NoSuchMailbox", "NoSuchUser", "StoreError"]


class StoreError(Exception):
    """Base of what the store refuses; nothing was changed."""


class NoSuchUser(StoreError):
    """No account has this name."""


class NoSuchMailbox(StoreError):
    """The user has no mailbox of this name."""


class MailboxExists(StoreError):
    """The user has a mailbox of this name already."""
