"""The steps of a sending client's talk, which somebody else carries out.

A talk is a generator: it yields a `Step`, gets the replies it asked for, and has network trouble thrown into it
(`TransportError`, `RemoteProtocolError`). `relay.connection` carries the steps out; a test can do it with a list.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from harness.errors import RemoteProtocolError
from harness.wire.smtp.replies import Reply
from reference_server.relay.model import Fate, Outcome
from reference_server.world.model import RelayTls

__all__ = [
    "Closing",
    "Commands",
    "Content",
    "Doubt",
    "Listen",
    "Record",
    "Refused",
    "StartTls",
    "Step",
    "Talk",
    "Unexpected",
    "outcome_of",
]

T = TypeVar("T")

# Ours: a reply may have 64 KiB; so much of it is kept.
_DIAGNOSTIC_LETTERS: Final = 1000

_CONTROLS: Final = dict.fromkeys([*range(32), 127], " ")


@dataclass(frozen=True, slots=True)
class Commands:
    """Send a group of command lines. A reply that came before, unasked, makes the peer unreadable."""

    octets: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Content:
    """Send octets of the message."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for a reply; get all that are here then, up to `most`.

    Attributes:
        subject: What is answered, for error messages.
        times: How many times the usual time is allowed.
    """

    subject: str
    most: int = 1
    times: int = 1


@dataclass(frozen=True, slots=True)
class StartTls:
    """Run the handshake; octets that came before it are nobody's reply (RFC 3207 §4.2)."""

    asked: RelayTls


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is sent next completes the message: from here to its final reply nobody knows whether the peer has it."""


Step: TypeAlias = Commands | Content | Listen | StartTls | Doubt
Talk: TypeAlias = Generator[Step, Sequence[Reply], T]
Record: TypeAlias = Callable[[Mapping[bytes, Outcome]], None]


class Refused(Exception):
    """The peer takes no mail in this session; another host may."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.diagnostic)


class Closing(Exception):
    """421: the peer closes the session (RFC 5321 §3.8)."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


class Unexpected(RemoteProtocolError):
    """A reply that the command cannot have."""

    def __init__(self, subject: str, reply: Reply) -> None:
        super().__init__(f"{reply.code} in reply to {subject}")


def outcome_of(reply: Reply, remote: str, taken: Fate) -> Outcome:
    """What a 2yz (`taken`), 4yz or 5yz reply means for whom it is about.

    The enhanced status is the peer's where its class is the reply's (RFC 2034 §4), else ``x.0.0``.
    """
    fate = {2: taken, 4: Fate.DEFERRED, 5: Fate.FAILED}[reply.klass]
    enhanced = reply.enhanced
    fitting = enhanced is not None and enhanced.klass == reply.klass
    text = b" ".join((b"%d" % reply.code, *reply.lines)).decode("utf-8", "backslashreplace")
    diagnostic = text.translate(_CONTROLS)[:_DIAGNOSTIC_LETTERS].rstrip()
    return Outcome(fate, str(enhanced) if fitting else f"{reply.klass}.0.0", diagnostic, remote, by_peer=True)
