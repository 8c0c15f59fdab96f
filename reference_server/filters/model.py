"""What the parts of the filter chain say to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.wire.tls import TlsFacts
from reference_server.envelope import Envelope, Recipient
from reference_server.mda.plan import Refusal
from reference_server.world.filters import Verdict

__all__ = ["Client", "Finding", "Judgement", "Mail", "StageFailed"]


class StageFailed(Exception):
    """A stage could not look at the message: down, slow, or answered what it must not; the message says which."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who brings the message.

    Attributes:
        address: The peer's IP address.
        name: What it called itself in EHLO.
        user: Who logged in, None for nobody, and `mechanism` how.
        protocol: As the Received field has it, ``"ESMTPS"``.
    """

    address: str
    name: str
    user: str | None = None
    mechanism: str = ""
    protocol: str = "ESMTP"
    tls: TlsFacts | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """A message under way in the chain.

    Attributes:
        trace: The Received field of this host: on top of what is kept, and no filter's to change.
        content: What came, as the stages before left it.
        id: How this host calls it in its trace field.
    """

    envelope: Envelope
    content: bytes = field(repr=False)
    client: Client
    trace: bytes = b""
    id: str = ""
    hostname: str = ""

    def with_content(self, content: bytes) -> "Mail":
        return replace(self, content=content)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a stage says of a message.

    Attributes:
        mail: As the stage leaves it.
        said: What it found, in one line: a virus's name, a score, a reply.
        reply: With REJECT and TRY_LATER: what the client is told, where the stage says it itself.
        refused: The recipients that it refuses, who are none of the mail's any more.
        changes: What it changed, a line each.
        heard: The octets of its answer, for those who watch.
    """

    verdict: Verdict
    mail: Mail
    said: str
    reply: Refusal | None = None
    refused: Mapping[Recipient, Refusal] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    heard: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the whole chain comes to.

    Attributes:
        verdict: ACCEPT where nothing else was said; TAG and REWRITE are ACCEPT by now.
        mail: As it is to be kept.
        stage: Whose word the verdict is, ``""`` for nobody's.
        why: What that stage said.
        reply: With REJECT and TRY_LATER: what the client is told.
        refused: Recipients that get nothing, whatever becomes of the others.
        added: Recipients that a stage added.
    """

    verdict: Verdict
    mail: Mail
    stage: str = ""
    why: str = ""
    reply: Refusal | None = None
    refused: Mapping[Recipient, Refusal] = field(default_factory=dict)
    added: frozenset[bytes] = frozenset()
