"""Messages of megabytes, as people send them with attachments."""

from loadtests import SmtpUser


class Exchanger(SmtpUser):
    """Another mail exchanger, with large messages for us."""
