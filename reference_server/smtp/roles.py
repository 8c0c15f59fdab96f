"""What a listener is for: the same session with other rules."""

from enum import Enum

__all__ = ["Role"]


class Role(Enum):
    """MX takes mail for local users from anybody; submission takes mail from users; LMTP hands over to mailboxes."""

    MX = "mx"
    SUBMISSION = "submission"
    LMTP = "lmtp"
