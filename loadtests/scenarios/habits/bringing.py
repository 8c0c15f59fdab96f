"""Mail that comes while people read: by the way in that the target has."""

from harness.target import Protocol
from loadtests.context import Terms
from loadtests.scenarios.habits.offers import IfOffered, offered
from loadtests.users.smtp import LmtpUser, SmtpUser, SubmissionUser

__all__ = ["Exchanger", "Sender", "Transfer"]


class Exchanger(IfOffered, SmtpUser):
    """Brings mail from outside by SMTP, where the target has it."""

    abstract = True


class Transfer(IfOffered, LmtpUser):
    """Brings mail by LMTP where the target has no SMTP."""

    abstract = True

    @classmethod
    def share(cls, terms: Terms) -> float:
        return 0.0 if offered(terms, Protocol.SMTP) else super().share(terms)


class Sender(IfOffered, SubmissionUser):
    """Brings mail by submission where the target has no other way in."""

    abstract = True

    @classmethod
    def share(cls, terms: Terms) -> float:
        return 0.0 if offered(terms, Protocol.SMTP, Protocol.LMTP) else super().share(terms)
