"""What is to be done with one accepted message, before anything is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reference_server.envelope import Envelope, Recipient
from reference_server.mda.vacations import Answer
from reference_server.relay.model import Fate, NextHop, Outcome
from reference_server.world import User

__all__ = ["Accepted", "Filing", "Onward", "Plan", "Refusal", "Reply"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a recipient does not get a message; as a reply, and as an outcome.

    Attributes:
        code: The SMTP reply code, 4yz where it may be tried again.
        status: The enhanced code, ``"5.2.2"``.
    """

    code: int
    status: str
    text: str

    @property
    def outcome(self) -> Outcome:
        fate = Fate.DEFERRED if self.code < 500 else Fate.FAILED
        return Outcome(fate, self.status, f"{self.code} {self.status} {self.text}")


@dataclass(frozen=True, slots=True)
class Filing:
    """One copy for one mailbox of this host; `asked` is the address that it came to."""

    asked: bytes
    user: User
    mailbox: str
    content: bytes = field(repr=False)
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Onward:
    """One recipient whose mail goes to a next hop; `content` may have fields of ours on top."""

    recipient: Recipient
    next_hop: NextHop
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a user's rules send back; `answer` is what is remembered of a vacation's."""

    answer: Answer | None
    envelope: Envelope
    content: bytes = field(repr=False)


@dataclass
class Plan:
    """All of it is done in one transaction.

    Attributes:
        outcomes: By the address asked for, what there is to report: delivered, expanded.
        refused: By the address asked for, why it gets nothing.
        steps: What was decided, in words, for those who watch.
    """

    envelope: Envelope
    content: bytes = field(repr=False)
    filings: list[Filing] = field(default_factory=list)
    onward: list[Onward] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)
    refused: dict[bytes, Refusal] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    @property
    def hopeless(self) -> bool:
        """Whether nobody gets it: then the reply to the content can say so, and no bounce is needed.

        An alias of several can be refused by one of them and taken by another.
        """
        refused = set(self.refused) == {r.address for r in self.envelope.recipients}
        return refused and not (self.filings or self.onward or self.replies)

    def refuse(self, refused: Mapping[Recipient, Refusal]) -> None:
        """Recipients beside those that were planned for are refused."""
        recipients = (*self.envelope.recipients, *refused)
        self.envelope = replace(self.envelope, recipients=recipients)
        self.refused |= {recipient.address: refusal for recipient, refusal in refused.items()}

    def recipient(self, address: bytes) -> Recipient:
        return next(r for r in self.envelope.recipients if r.address == address)

    def envelope_for(self, recipients: tuple[Recipient, ...]) -> Envelope:
        return replace(self.envelope, recipients=recipients)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of an acceptance: who was refused, and the ids under which the rest waits in the queue."""

    refused: dict[bytes, Refusal]
    queue_ids: tuple[str, ...] = ()
