"""Mail that a transfer agent hands to the store, with a reply for each recipient."""

from loadtests import LmtpUser


class Transfer(LmtpUser):
    """A transfer agent with mail to deliver."""
