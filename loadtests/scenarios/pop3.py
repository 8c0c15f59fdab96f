"""People who check their mail by POP3, and the mail that comes meanwhile."""

from loadtests.scenarios import habits


class Reader(habits.Checker):
    """Looks, retrieves what is new, and deletes some of it or leaves it."""


class Exchanger(habits.Exchanger):
    """Brings mail by SMTP, where the target has it."""


class Transfer(habits.Transfer):
    """Brings mail by LMTP, where the target has no SMTP."""


class Sender(habits.Sender):
    """Brings mail by submission, where the target has nothing else."""
