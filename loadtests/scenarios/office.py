"""A whole organisation in its peak hour, SPECmail-style.

Its people send mail to each other and get mail from outside, and read both while it comes. How often each class comes
follows from the profile's [office]. What they would send to the outside is not sent: it would leave the target, and
nobody could account for it.
"""

from loadtests import SubmissionUser
from loadtests.context import Terms
from loadtests.scenarios import habits


class Outside(habits.Exchanger):
    """Brings mail from outside by SMTP."""

    @classmethod
    def share(cls, terms: Terms) -> float:
        return habits.office(terms).outside * bool(super().share(terms))


class Relay(habits.Transfer):
    """Brings it by LMTP, where the target has no SMTP."""

    @classmethod
    def share(cls, terms: Terms) -> float:
        return habits.office(terms).outside * bool(super().share(terms))


class Colleague(SubmissionUser):
    """Sends to a colleague."""

    @classmethod
    def share(cls, terms: Terms) -> float:
        return habits.office(terms).colleagues


class Pop3Reader(habits.Checker):
    """Checks for mail, and keeps it at home."""

    @classmethod
    def share(cls, terms: Terms) -> float:
        return habits.office(terms).pop3

    @classmethod
    def owns(cls, terms: Terms, mailbox: int) -> bool:
        return habits.uses_pop3(terms, mailbox)


class ImapReader(habits.Syncer):
    """Keeps a mailbox in step for a while."""

    @classmethod
    def share(cls, terms: Terms) -> float:
        return habits.office(terms).imap

    @classmethod
    def owns(cls, terms: Terms, mailbox: int) -> bool:
        return not habits.uses_pop3(terms, mailbox)
