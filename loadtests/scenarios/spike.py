"""A base rate, a burst of several times as much, and the base rate again (`course` in the profile)."""

from loadtests import SmtpUser


class Exchanger(SmtpUser):
    """Another mail exchanger with mail for us."""
