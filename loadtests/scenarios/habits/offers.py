"""Users that come only where the target offers what they need."""

from harness.target import Protocol
from loadtests.arrivals.office import Flows, flows_of, is_among
from loadtests.context import Terms
from loadtests.users.base import MailUser

__all__ = ["IfOffered", "offered", "office", "uses_pop3"]


def offered(terms: Terms, *protocols: Protocol) -> bool:
    """Whether the target has one of these endpoints."""
    return any(protocol in terms.target.endpoints for protocol in protocols)


class IfOffered(MailUser):
    """Comes where the target has its endpoint. To be named before the class that says what it does."""

    abstract = True

    @classmethod
    def share(cls, terms: Terms) -> float:
        return super().share(terms) if offered(terms, *cls.protocols) else 0.0


def office(terms: Terms) -> Flows:
    """The office's sessions; who has no POP3 uses IMAP, and the other way round."""
    flows = flows_of(terms.plan.settings.office)
    if not offered(terms, Protocol.POP3, Protocol.POP3S):
        return flows._replace(pop3=0.0, imap=flows.pop3 + flows.imap)
    if not offered(terms, Protocol.IMAP, Protocol.IMAPS):
        return flows._replace(pop3=flows.pop3 + flows.imap, imap=0.0)
    return flows


def uses_pop3(terms: Terms, mailbox: int) -> bool:
    """Whether a mailbox of the office is read by POP3; the others are read by IMAP, and none by both."""
    flows = office(terms)
    return is_among(mailbox, flows.pop3 / (flows.pop3 + flows.imap))
