"""Mail from outside, as a mail exchanger gets it.

A session is a connection with some messages to some recipients; a share of the messages is to somebody who does not
exist.
"""

from loadtests import SmtpUser


class Exchanger(SmtpUser):
    """Another mail exchanger with mail for us."""
