"""Hours at a low rate: mail comes, is read and deleted, and nothing should grow or slow down.

The run is cut into parts that are judged by themselves; the result compares the last with the first.
"""

from loadtests.context import Terms
from loadtests.scenarios import habits


class Exchanger(habits.Exchanger):
    """Brings mail by SMTP."""


class Pop3Reader(habits.IfOffered, habits.Checker):
    """Checks for mail and deletes what it has retrieved."""

    @classmethod
    def owns(cls, terms: Terms, mailbox: int) -> bool:
        return habits.uses_pop3(terms, mailbox)


class ImapReader(habits.IfOffered, habits.Syncer):
    """Keeps a mailbox in step for a while and deletes what it has read."""

    @classmethod
    def owns(cls, terms: Terms, mailbox: int) -> bool:
        return not habits.uses_pop3(terms, mailbox)
