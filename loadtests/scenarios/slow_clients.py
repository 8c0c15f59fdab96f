"""Clients that write octet by octet, among others that do not: do the slow ones hold up the rest?

The slow ones are counted under names of their own (``slow.message``), so that ``smtp.message`` is the others'.
"""

from loadtests import SmtpUser


class Slow(SmtpUser):
    """Writes its messages at `traffic.pace_octets_per_s`."""

    prefix = "slow"

    def session(self) -> None:
        pace = self.shared.plan.settings.traffic.pace_octets_per_s
        with self.open() as session:
            for letter in self.letters():
                session.send(letter, octets_per_s=pace)


class Exchanger(SmtpUser):
    """Another mail exchanger that has no time to lose."""
