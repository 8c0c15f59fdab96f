"""Hours at a low rate: mail comes, is read and deleted, and nothing should grow or slow down.

The run is cut into parts that are judged by themselves; the result compares the last with the first.
"""

from loadtests.scenarios import habits


class Exchanger(habits.Exchanger):
    """Brings mail by SMTP."""


class Pop3Reader(habits.IfOffered, habits.Checker):
    """Checks for mail and deletes what it has retrieved."""


class ImapReader(habits.IfOffered, habits.Syncer):
    """Keeps a mailbox in step for a while and deletes what it has read."""
