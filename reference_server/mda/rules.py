"""A user's own rules, applied to one message (RFC 5228)."""

from dataclasses import dataclass, field

from reference_server.context import Context
from reference_server.envelope import Envelope, Recipient
from reference_server.mda.addresses import Local
from reference_server.mda.plan import Refusal, Reply
from reference_server.store import INBOX

__all__ = ["Decision", "Rules"]


@dataclass
class Decision:
    """Where a message goes by the rules.

    Attributes:
        mailboxes: Each with the flags that the message gets there; without any of the others it is discarded.
    """

    mailboxes: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    redirects: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    refusal: Refusal | None = None
    steps: list[str] = field(default_factory=list)


@dataclass
class Rules:
    """One message for one mailbox, held against its user's script."""

    context: Context
    local: Local
    envelope: Envelope
    asked: Recipient
    content: bytes = field(repr=False)

    def decide(self) -> Decision:
        """Without a script, or with one that cannot be run, the message is kept (RFC 5228 §2.10.2)."""
        return Decision(mailboxes=[(INBOX, frozenset())])
